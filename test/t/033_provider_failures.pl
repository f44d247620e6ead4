# A source of the keyring or of its root key that fails: at the start of the server it locks personal data, at a reload
# what was loaded stays in use; the log, the view and the caller are told why, and nobody is told a key. What
# 003_keyring_failures.pl has of keyrings at the start is not repeated here.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use MIME::Base64 qw(decode_base64 encode_base64);
use PiiCluster;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node    = PiiCluster->started('main');
my $dir     = $node->keys_dir;
my $plain   = $node->keyring;
my $wrapped = "$dir/wrapped.json";
my $root    = "$dir/root";
my $secret  = 'Jane Q. Public-Doe';

$node->safe_psql('postgres', qq{
	CREATE TABLE plain (word text);
	INSERT INTO plain VALUES ('one');
	CREATE TABLE people (id int, name pii_text(name));
	INSERT INTO people VALUES (1, '$secret');
	CREATE ROLE nobody_special LOGIN});

pii_keyring('init-root', $root);
pii_keyring('init-root', "$dir/other_root");
write_private($wrapped, slurp_file($plain));
pii_keyring('wrap', $wrapped, '--root-key-file', $root);
my $root_text    = slurp_file($root);
my $root_bytes   = decode_base64($root_text);
my $plain_text   = slurp_file($plain);
my $wrapped_text = slurp_file($wrapped);

# What a command prints before it fails. The marker is in a file, for PostgreSQL logs settings that change.
my $marker = 'Marker' . substr(new_key(), 6, 30);
write_private("$dir/said", "$marker\n$root_text$plain_text");

my @settings = qw(keyring_file keyring_command root_key_file root_key_command keyring_timeout);
my %good     = (keyring_file => $wrapped, root_key_file => $root);
my $in_use   = qr/keyring refused, the one that was loaded stays in use/;
my $told     = '';    # all that clients were told

# ---------------------------------------------------------------------------------------------------------------------

sub configure
{
	my (%settings) = @_;
	return $node->configure(map { ("pii.$_" => $settings{$_}) } @settings);
}

# By SIGHUP. New processes have the settings once the keyring was read, or refused. Returns what the log says of it.
sub reload_with
{
	my (%settings) = @_;
	configure(%settings);
	my $offset = $node->log_size;
	$node->reload;
	$node->wait_for_log(qr/LOG:  pii: keyring (?:loaded|refused.*\n(?:.*\n)*?.*HINT: )/, $offset);
	return $node->log_since($offset);
}

sub is_readable
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $node->gives('SELECT name FROM people', $secret, $name);
}

# One way to fail, at a reload by signal, at one by SQL and, unless the name ends in a star, at the start. Then the good
# sources again, by a reload.
sub fails_with
{
	my ($name, $reason, %settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $starts = $name !~ s/\*\z//;
	my $loaded_at = $node->loaded_at;

	like(reload_with(%settings), qr/LOG:  pii: $in_use\n.*DETAIL:  $reason/, "$name: SIGHUP: the log says why");
	my (undef, $last_error) = $node->sql('SELECT DISTINCT last_error FROM pii_keyring');
	like($last_error, qr/\A$reason/, "$name: SIGHUP: pii_keyring says why");
	$told .= $node->fails('SELECT pii_reload_keyring()', 'F0000', qr/$in_use\nDETAIL:  $reason/,
		"$name: the caller is told why");
	$told .= $last_error;
	is_readable("$name: what was loaded stays in use");
	is($node->loaded_at, $loaded_at, "$name: and is as old as before");

	if ($starts)
	{
		my $offset = $node->log_size;
		$node->start_again("$name: the server starts") or BAIL_OUT('no server to go on with');
		like($node->log_since($offset), qr/LOG:  pii: keyring refused, personal data is locked\n.*DETAIL:  $reason/,
			"$name: start: the log says why");
		$told .= $node->fails('SELECT name FROM people', '55000', qr/personal data is locked.*\nDETAIL:  $reason/,
			"$name: start: personal data is locked");
		$told .= $node->fails('SELECT pii_reload_keyring()', 'F0000',
			qr/keyring refused, personal data is locked\nDETAIL:  $reason/, "$name: start: a reload is told why");
		$node->gives('SELECT coalesce(loaded_at::text, \'never\'), last_error IS NOT NULL FROM pii_keyring', 'never|t',
			"$name: start: pii_keyring says that no keyring was loaded");
		$node->gives('SELECT * FROM plain', 'one', "$name: start: other data is readable");
	}
	reload_with(%good);
	is_readable("$name: the good sources are taken without a restart");
	$node->gives('SELECT DISTINCT last_error IS NULL FROM pii_keyring', 't', "$name: and the error is gone");
	return;
}

sub file_with
{
	my ($text, $mode) = @_;
	write_private("$dir/bad", $text, $mode);
	return "$dir/bad";
}

reload_with(%good);
is_readable('a wrapped keyring and the file of its root key');
reload_with(keyring_command => "cat $wrapped", root_key_command => "cat $root");
is_readable('the same from commands');
reload_with(keyring_file => $wrapped,
	root_key_command => "printf ' \\n\\t'; tr -d '\\n' <$root; printf '\\r\\n\\n'");
is_readable('white space around a root key is nothing');
reload_with(%good);

# ---------------------------------------------------------------------------------------------------------------------
# Each of the four settings, everything that can be wrong with a file or a command

my $is_no_root_key = qr/a root key must be 32 bytes in base64/;
my $is_no_keyring  = qr/not valid JSON at byte \d+/;

foreach my $what (qw(keyring root_key))
{
	# 003_keyring_failures.pl has these of keyrings at the start.
	my $star    = $what eq 'keyring' ? '*' : '';
	my $garbage = $what eq 'keyring' ? $is_no_keyring : $is_no_root_key;
	my $good    = $what eq 'keyring' ? $wrapped : $root;
	my %other   = %good;
	delete $other{"${what}_file"};

	my $setting = "${what}_file";
	my $file_fails = sub {
		my ($name, $reason, $path) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		return fails_with("$setting: $name$star", qr/pii\.$setting: $reason/, %other, $setting => $path);
	};
	$file_fails->('missing', qr/cannot open it: No such file or directory/, "$dir/none");
	$file_fails->('mode 0644', qr/it has group or world access; set its mode to 0600/, file_with(slurp_file($good), 0644));
	$file_fails->('more than 1 MiB', qr/it is larger than 1 MiB/, file_with(slurp_file($good) . ' ' x (1 << 20)));
	$file_fails->('garbage', $garbage, file_with("$marker\n$root_text"));
	$file_fails->('empty', $garbage, file_with(''));
	$file_fails->('relative path', qr/it must be an absolute path/, '../keys/' . $good =~ s{.*/}{}r);
	$file_fails->('directory', qr/it is not a regular file/, $dir);
	write_private($node->pgdata . '/inside', slurp_file($good));
	$file_fails->('in the data directory', qr/it lies inside the data directory/, $node->pgdata . '/inside');
	unlink $node->pgdata . '/inside';
	link(file_with(slurp_file($good)), "$dir/link") or die $!;
	$file_fails->('two hard links', qr/it has more than one hard link/, "$dir/link");
	unlink "$dir/link";

	$setting = "${what}_command";
	my $command_fails = sub {
		my ($name, $reason, $command, %more) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		return fails_with("$setting: $name$star", qr/pii\.$setting: $reason/, %other, $setting => $command, %more);
	};
	$command_fails->('garbage', $garbage, "cat $dir/said");
	$command_fails->('random bytes', $garbage, 'head -c 1000 /dev/urandom');
	$command_fails->('nothing', $garbage, 'true');
	$command_fails->('more than 1 MiB', qr/its output is larger than 1 MiB/, "cat $dir/said; yes");
	$command_fails->('no such program', qr/it exited with status 127/, '/no/such/program');
	$command_fails->('killed', qr/it was ended by signal 9/, "cat $good; kill -KILL \$\$");
	my $offset = $node->log_size;
	$command_fails->('exit status 3', qr/it exited with status 3/,
		"cat $good; cat $dir/said; echo the $what is in the mail >&2; exit 3");
	my @said = $node->log_since($offset) =~ /^the $what is in the mail$/mg;
	is(scalar @said, $star ? 2 : 4, "$setting: each time, what it says on standard error is in the log");

	# Its shell ends at once; a child stays, holds the standard output, and does not mind signals.
	my $started = time;
	$command_fails->('hangs', qr/it did not finish within 400 ms \(pii\.keyring_timeout\)/,
		"echo \$\$ >>$dir/groups; cat $good; (trap '' TERM INT HUP; while :; do sleep 1000; done) &",
		keyring_timeout => '400ms');
	cmp_ok(time - $started, '<', 30, "$setting: a command that hangs delays for pii.keyring_timeout");
	my %group = map { $_ => 1 } split /\s+/, slurp_file("$dir/groups");
	# In a container without an init process the killed stay as zombies.
	my @left = grep { /^\s*(\d+)\s+[^Z]/ && $group{$1} } `ps -eo pgid=,stat=,args=`;
	is(join('', @left), '', "$setting: nothing of commands that hang is left");
}

# ---------------------------------------------------------------------------------------------------------------------
# Root keys, and keyrings that do not go with them

my %no_root_key = (
	'31 bytes'             => encode_base64(substr($root_bytes, 1), ''),
	'33 bytes'             => encode_base64("$root_bytes!", ''),
	'64 bytes'             => encode_base64($root_bytes x 2, ''),
	'32 bytes, hex'        => unpack('H*', $root_bytes),
	'32 bytes, raw'        => $root_bytes,
	'base64 of base64'     => encode_base64($root_text),
	'two root keys'        => $root_text x 2,
	'a space in the midst' => substr($root_text, 0, 20) . ' ' . substr($root_text, 20),
	'without padding'      => $root_text =~ s/=//r,
	'a text in front'      => "key: $root_text",
	'a keyring'            => $plain_text);
foreach my $name (sort keys %no_root_key)
{
	fails_with("root key: $name*", qr/pii\.root_key_file: $is_no_root_key/, %good,
		root_key_file => file_with($no_root_key{$name}));
}

my $is_wrong     = qr/the keyring is wrapped under the root key with check value [0-9a-f]{16}, and the one given has [0-9a-f]{16}/;
my $is_plain     = qr/a root key is set, and the keyring is not wrapped/;
my $needs_it     = qr/the keyring is wrapped and needs its root key/;
my %commands     = (keyring_command => "cat $wrapped", root_key_command => "cat $root");
my %only_root    = (root_key_file => $root);
my %only_keyring = (keyring_file => $wrapped);
my $damaged      = $wrapped_text =~ s/("ciphertext": "[^"]{100})(.)/$1 . ($2 eq 'A' ? 'B' : 'A')/er;

fails_with('another root key', qr/pii\.keyring_file: $is_wrong/, %good, root_key_file => "$dir/other_root");
fails_with('another root key, commands*', qr/pii\.keyring_command: $is_wrong/, %commands,
	root_key_command => "cat $dir/other_root");
fails_with('plain keyring, root key', qr/pii\.keyring_file: $is_plain/, %good, keyring_file => $plain);
fails_with('plain keyring, root key, commands*', qr/pii\.keyring_command: $is_plain/, %commands,
	keyring_command => "cat $plain");
fails_with('wrapped keyring, no root key', qr/pii\.keyring_file: $needs_it/, %only_keyring);
fails_with('wrapped keyring, no root key, command*', qr/pii\.keyring_command: $needs_it/, keyring_command => "cat $wrapped");
fails_with('two sources of the root key', qr/both pii\.root_key_file and pii\.root_key_command are set; set one/,
	%good, root_key_command => "cat $root");
fails_with('two sources of the keyring*', qr/both pii\.keyring_file and pii\.keyring_command are set; set one/,
	%good, keyring_command => "cat $wrapped");
fails_with('a root key alone', qr/neither pii\.keyring_file nor pii\.keyring_command is set/, %only_root);
fails_with('wrapped keyring, damaged', qr/pii\.keyring_file: the wrapped keyring does not open under its root key/,
	%good, keyring_file => file_with($damaged));

# ---------------------------------------------------------------------------------------------------------------------
# Who waits for a provider that is slow

mkfifo("$dir/fifo", 0600) or die $!;
my $slow = "echo \$\$ >$dir/started; cat $dir/fifo";
my %slow = (keyring_file => $wrapped, root_key_command => $slow, keyring_timeout => '60s');

sub wait_for_command
{
	my ($name) = @_;
	foreach (1 .. 18_000)
	{
		return pass($name) if -s "$dir/started" && unlink "$dir/started";
		usleep(10_000);
	}
	return fail($name);
}

sub give_root_key
{
	open my $fifo, '>', "$dir/fifo" or die $!;
	print $fifo $root_text;
	close $fifo;
	return;
}

configure(%slow);
my $offset = $node->log_size;
my $loaded_at = $node->loaded_at;
$node->reload;
wait_for_command('slow: the command runs');
is_readable('slow: values are read meanwhile');
$node->gives(q{INSERT INTO people VALUES (2, 'New One'); DELETE FROM people WHERE id = 2 RETURNING name}, 'New One',
	'slow: and written');
is($node->loaded_at, $loaded_at, 'slow: the keyring is the one before');
give_root_key();
$node->wait_for_log(qr/LOG:  pii: keyring loaded/, $offset);
isnt($node->loaded_at, $loaded_at, 'slow: the keyring is taken once it is there');

my $started = time;
$node->fails(q{SET statement_timeout = '500ms'; SELECT pii_reload_keyring()}, '57014', qr/canceling statement/,
	'slow: who waits may cancel');
cmp_ok(time - $started, '<', 30, 'slow: and does not wait any longer');
unlink "$dir/started";
is_readable('slow: canceled: the keyring stays in use');

$node->reload;
wait_for_command('slow: the command runs again');
$started = time;
$node->stop('fast');
cmp_ok(time - $started, '<', 30, 'slow: the server stops without waiting');
configure(%good);
$node->start_again('slow: the server starts');
is_readable('slow: values are readable');

# ---------------------------------------------------------------------------------------------------------------------
# Who may

foreach my $setting (@settings[ 0 .. 3 ])
{
	$node->fails("SHOW pii.$setting", '42501', qr/pg_read_all_settings|must be superuser/,
		"pii.$setting: not everybody sees it", user => 'nobody_special');
	$node->fails("SET pii.$setting = '/tmp/x'", '55P02', qr/cannot be changed now/,
		"pii.$setting: not even a superuser's session sets it");
	$node->fails("ALTER ROLE nobody_special SET pii.$setting = '/tmp/x'", '55P02', qr/cannot be changed now/,
		"pii.$setting: a role has none of its own");
}
$node->fails('SELECT pii_reload_keyring()', '42501', qr/permission denied/, 'not everybody reloads', user => 'nobody_special');

# Nothing that was said repeats what commands printed and files held.

my %keys    = keyring_keys($plain);
my %needles = (marker => $marker, needle_forms('root key', $root_bytes));
%needles = (%needles, needle_forms($_, $keys{$_})) foreach keys %keys;
is(join(', ', search_files(\%needles, $node->logfile)), '', 'the log repeats no output and no key');
is(join(', ', grep { index($told, $needles{$_}) >= 0 } sort keys %needles), '', 'neither do errors and pii_keyring');
cmp_ok(length $told, '>', 10_000, 'which were collected');

done_testing();
