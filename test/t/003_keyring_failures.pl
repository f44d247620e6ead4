# A keyring that cannot be had locks personal data and nothing else: the server starts, says why, and everything that
# needs no key works.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use POSIX qw(mkfifo);
use Test::More;

my $node    = PiiCluster->started('main');
my $keyring = $node->keyring;
my $dir     = $node->keys_dir;
my $pgdata  = $node->pgdata;
my $secret  = 'Jane Q. Public-Doe';

$node->safe_psql('postgres', qq{
	CREATE TABLE plain (id int, word text);
	INSERT INTO plain VALUES (1, 'one');
	CREATE TABLE people (id int, name pii_text(name), other pii_text);
	INSERT INTO people VALUES (1, '$secret', 'x'), (2, 'Short', NULL);
	CREATE ROLE nobody_special LOGIN});
my $good_text = slurp_file($keyring);
my $sealed = $node->safe_psql('postgres', 'SELECT pii_sealed(name) FROM people WHERE id = 1');

# Sets the keyring's source, and starts the server with it.
sub start_with
{
	my ($name, %settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	$node->configure(map { ("pii.$_" => $settings{$_}) } qw(keyring_file keyring_command keyring_timeout));
	my $offset = $node->log_size;
	$node->start_again("$name: the server starts") or BAIL_OUT('no server to go on with');
	return $offset;
}

sub is_locked
{
	my ($name, $reason, %settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $offset = start_with($name, %settings);
	my $log    = $node->log_since($offset);
	like($log, qr/LOG:  pii: keyring refused, personal data is locked\n.*DETAIL:  .*$reason/, "$name: the log says why");
	my (undef, $row) = $node->sql(q{SELECT coalesce(domain, 'no domain'), coalesce(loaded_at::text, 'never'), last_error
		FROM pii_keyring});
	like($row, qr/\Ano domain\|never\|.*$reason/, "$name: pii_keyring says why");
	$node->gives('SELECT * FROM plain', '1|one', "$name: plain tables work");
	my $why = qr/personal data is locked: no keyring is loaded\nDETAIL:  .*$reason.*\nHINT:  Correct the keyring/;
	$node->fails(qq{INSERT INTO people VALUES (3, '$secret')}, '55000', $why, "$name: no literal is sealed");
	$node->fails('SELECT name FROM people', '55000', $why, "$name: no value is read");
	$node->fails('SELECT pii_try_reveal(name) FROM people', '55000', $why,
		"$name: pii_try_reveal is an error and not NULL");
	return $offset;
}

sub is_unlocked
{
	my ($name, %settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $offset = start_with($name, %settings);
	$node->gives('SELECT name FROM people WHERE id = 1', $secret, "$name: values are readable");
	$node->gives('SELECT DISTINCT last_error IS NULL FROM pii_keyring', 't', "$name: pii_keyring shows no error");
	return $offset;
}

sub file_with
{
	my ($text, $mode) = @_;
	write_private("$dir/bad.json", $text, $mode);
	return (keyring_file => "$dir/bad.json");
}

sub changed_keyring
{
	my ($change) = @_;
	my $data = read_keyring($keyring);
	$change->($data->{domains}{default}, $data);
	write_keyring("$dir/bad.json", $data);
	return (keyring_file => "$dir/bad.json");
}

# One failure looked at closely: what needs a key fails, what does not works.

is_locked('missing file', qr/pii\.keyring_file: cannot open it: No such file or directory/, keyring_file => "$dir/none.json");

my $locked = qr/personal data is locked/;
foreach my $use (
	q{SELECT pii_seal('x', 'ssn')},
	q{SELECT 'x'::pii_text(ssn)},
	q{SELECT 'x'::text::pii_text},
	q{COPY people (id, name) FROM PROGRAM 'printf "4\tJohn"'},
	q{SET pii.view = 'plain'; COPY people TO STDOUT},
	q{SET pii.view = 'plain'; COPY people TO STDOUT (FORMAT binary)},
	q{SELECT to_jsonb(people) FROM people},
	q{SELECT pii_reveal(name) FROM people},
	q{SELECT pii_mask(name) FROM people},
	q{SELECT pii_rewrap(name) FROM people},
	q{UPDATE people SET name = 'Someone Else'},
	q{INSERT INTO people SELECT 5, other FROM people WHERE other IS NOT NULL},
	q{SET pii.view = 'masked'; SELECT name FROM people},
	q{CREATE TABLE impossible AS SELECT id, name::text AS name FROM people})
{
	$node->fails($use, '55000', $locked, "locked: $use");
}
$node->fails("SELECT '$sealed'::pii_text", '55000',
	qr/key version 1 of domain "default" is needed, and no keyring is loaded\nDETAIL:  Sealed text of class name was sealed under it/,
	'locked: sealed text says which key version is missing');
foreach my $use (
	'ANALYZE people',
	'VACUUM FULL people',
	'CREATE TABLE fresh (a pii_text(ssn), b pii_text(email) NOT NULL, c pii_text[]); DROP TABLE fresh',
	'ALTER TABLE people ADD COLUMN extra pii_text(phone); ALTER TABLE people DROP COLUMN extra',
	'CREATE TABLE copied AS SELECT * FROM people; DROP TABLE copied',
	'UPDATE people SET id = id + 0',
	'INSERT INTO people VALUES (9, NULL); DELETE FROM people WHERE id = 9')
{
	$node->succeeds($use, "not locked: $use");
}
$node->gives('SELECT DISTINCT pii_class_of(name), pii_key_version(name), pii_is_sealed(name) FROM people', 'name|1|t',
	'not locked: what the header says');
$node->gives('SELECT pii_sealed(name) FROM people WHERE id = 1', $sealed, 'not locked: sealed text');
$node->gives(q{SET pii.view = 'sealed'; SELECT name FROM people WHERE id = 1}, $sealed, 'not locked: the sealed view');
$node->gives(q{SET pii.view = 'redacted'; SELECT name FROM people WHERE id = 1}, '[name]', 'not locked: the redacted view');
$node->gives('COPY (SELECT name FROM people WHERE id = 1) TO STDOUT', $sealed, 'not locked: COPY TO');
$node->gives('SELECT count(*) FROM pii_classes WHERE builtin', '16', 'not locked: pii_classes');
command_like([ 'pg_dump', '--schema-only', '-d', $node->connstr('postgres') ], qr/name public\.pii_text\(name\)/,
	'not locked: pg_dump --schema-only');
$node->fails('SELECT * FROM pii_keyring', '42501', qr/permission denied/, 'what is wrong with files is not for everyone',
	user => 'nobody_special');

# Files

is_unlocked('the good file', keyring_file => $keyring);

is_locked('unreadable file', qr/pii\.keyring_file: cannot open it: Permission denied/, file_with($good_text, 0000));
foreach my $mode (0640, 0604, 0644, 0660, 0610, 0601)
{
	is_locked(sprintf('mode %04o', $mode), qr/pii\.keyring_file: it has group or world access; set its mode to 0600/,
		file_with($good_text, $mode));
}
is_unlocked('mode 0400', file_with($good_text, 0400));
is_locked('directory', qr/pii\.keyring_file: it is not a regular file/, keyring_file => $dir);
mkfifo("$dir/fifo", 0600) or die $!;
is_locked('FIFO', qr/pii\.keyring_file: it is not a regular file/, keyring_file => "$dir/fifo");
is_locked('relative path', qr/pii\.keyring_file: it must be an absolute path/, keyring_file => '../keys/keyring.json');
is_locked('empty file', qr/pii\.keyring_file: not valid JSON at byte/, file_with(''));
is_locked('more than 1 MiB', qr/pii\.keyring_file: it is larger than 1 MiB/, file_with($good_text . ' ' x (1 << 20)));
symlink($keyring, "$dir/link.json") or die $!;
is_unlocked('symbolic link to a good file', keyring_file => "$dir/link.json");

# Contents. A marker in the place of a key must be repeated nowhere.

my $marker = 'Marker' . substr(new_key(), 6);
my %contents = (
	'JSON cut in a key' => [ qr/not valid JSON at byte \d+/, sub { $_[0] =~ /\A(.*?"key"\s*:\s*")/s; $1 . $marker } ],
	'JSON with a newline in a key' =>
	  [ qr/not valid JSON at byte \d+/, sub { $_[0] =~ s/("key"\s*:\s*")[^"]+/$1$marker\n/r } ],
	'key where a name belongs' => [ qr/unknown member/, sub { $_[0] =~ s/"hash_key"/"$marker"/r } ],
	'key where a domain belongs' =>
	  [ qr/domains\.<a member that is no name>: not a domain name/, sub { $_[0] =~ s/"default"/"$marker"/r } ],
	'key where a status belongs' => [ qr/status: must be enabled, disabled or destroyed/, sub { $_[0] =~ s/"enabled"/"$marker"/r } ],
	'key where a number belongs' => [ qr/seal\.primary: must be a number/, sub { $_[0] =~ s/("seal".*?"primary"\s*:\s*)1/$1"$marker"/sr } ],
	'key cut short' => [ qr/key: must be 32 bytes in base64/, sub { $_[0] =~ s/("key"\s*:\s*")[^"]+/$1 . substr($marker, 0, 40)/er } ],
	'key too long' => [ qr/key: must be 32 bytes in base64/, sub { $_[0] =~ s/("key"\s*:\s*")[^"]+/$1$marker$marker/r } ],
	'key of 33 bytes' => [ qr/key: must be 32 bytes in base64/, sub { $_[0] =~ s/("key"\s*:\s*")[^"]+/$1 . substr($marker, 0, 43) . 'A'/er } ],
	'text in front' => [ qr/not valid JSON at byte \d+/, sub { $marker . $_[0] } ]);
foreach my $name (sort keys %contents)
{
	my ($reason, $change) = @{ $contents{$name} };
	my $text = $change->($good_text);
	die "nothing changed: $name" if $text !~ /\Q@{[substr $marker, 0, 40]}/;
	my $offset = is_locked($name, $reason, file_with($text));
	unlike($node->log_since($offset), qr/\Q@{[substr $marker, 0, 20]}/, "$name: the key is not in the log");
	my (undef, $last_error) = $node->sql('SELECT last_error FROM pii_keyring');
	unlike($last_error, qr/\Q@{[substr $marker, 0, 20]}/, "$name: the key is not in pii_keyring");
}
is_locked('missing primary', qr/domains\.default\.seal\.primary: names a key that is not in keys/,
	changed_keyring(sub { $_[0]{seal}{primary} = 7 }));
is_locked('disabled primary', qr/domains\.default\.seal\.primary: names a key that is not enabled/,
	changed_keyring(sub { $_[0]{seal}{keys}{1}{status} = 'disabled' }));
is_locked('destroyed key with material', qr/seal\.keys\.2\.key: a destroyed key must hold no material/,
	changed_keyring(sub { $_[0]{seal}{keys}{2} = { %{ $_[0]{seal}{keys}{1} }, status => 'destroyed' } }));
is_locked('unknown member', qr/domains\.default\.extra: unknown member/, changed_keyring(sub { $_[0]{extra} = 1 }));
is_locked('no domain', qr/domains: must hold at least one domain/, changed_keyring(sub { $_[1]{domains} = {} }));

# A keyring that a backup of the data directory would hold

my $inside = qr/pii\.keyring_file: it lies inside the data directory/;
mkdir "$pgdata/keys" or die $!;
chmod 0700, "$pgdata/keys";
write_private("$pgdata/keyring.json",      $good_text);
write_private("$pgdata/keys/keyring.json", $good_text);
is_locked('in the data directory', $inside, keyring_file => "$pgdata/keyring.json");
is_locked('below the data directory', $inside, keyring_file => "$pgdata/keys/keyring.json");
is_locked('below the data directory, with dots', $inside, keyring_file => "$dir/../" . ($pgdata =~ s{.*/}{}r) . '/keys/../keyring.json');
symlink("$pgdata/keyring.json", "$dir/into.json") or die $!;
symlink("$pgdata/keys",         "$dir/into")      or die $!;
is_locked('link into the data directory', $inside, keyring_file => "$dir/into.json");
is_locked('directory link into the data directory', $inside, keyring_file => "$dir/into/keyring.json");
symlink($keyring, "$pgdata/outward.json") or die $!;
is_unlocked('link out of the data directory', keyring_file => "$pgdata/outward.json");
unlink "$pgdata/keyring.json", "$pgdata/keys/keyring.json", "$pgdata/outward.json";
rmdir "$pgdata/keys";

my $space = $node->root_dir . '/space';
mkdir $space or die $!;
chmod 0700, $space;
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$space'");
write_private("$space/keyring.json", $good_text);
is_locked('in a tablespace', $inside, keyring_file => "$space/keyring.json");
unlink "$space/keyring.json";

$node->stop;
my $wal = $node->root_dir . '/wal';
rename "$pgdata/pg_wal", $wal or die $!;
symlink($wal, "$pgdata/pg_wal") or die $!;
$node->start;
write_private("$wal/keyring.json", $good_text);
is_locked('in a WAL directory elsewhere', $inside, keyring_file => "$wal/keyring.json");
unlink "$wal/keyring.json";

# Which source

is_locked('both file and command', qr/both pii\.keyring_file and pii\.keyring_command are set; set one/,
	keyring_file => $keyring, keyring_command => "cat $keyring");
is_locked('neither file nor command', qr/neither pii\.keyring_file nor pii\.keyring_command is set/);

# Commands

is_unlocked('command', keyring_command => "cat $keyring");
is_unlocked('command with a pipe and quotes', keyring_command => "sed 's/nothing/else/' '$keyring' | cat");
is_locked('command that fails', qr/pii\.keyring_command: it exited with status 3/, keyring_command => "cat $keyring; exit 3");
is_locked('command that is not there', qr/pii\.keyring_command: it exited with status 127/, keyring_command => '/no/such/program');
is_locked('command killed by a signal', qr/pii\.keyring_command: it was ended by signal 15/,
	keyring_command => "cat $keyring; kill -TERM \$\$");
is_locked('command that writes garbage', qr/pii\.keyring_command: not valid JSON at byte \d+/,
	keyring_command => 'head -c 1000 /dev/urandom');
is_locked('command that writes nothing', qr/pii\.keyring_command: not valid JSON at byte \d+/, keyring_command => 'true');
is_locked('command that writes more than 1 MiB', qr/pii\.keyring_command: its output is larger than 1 MiB/,
	keyring_command => "cat $keyring; head -c 1048577 /dev/zero | tr '\\0' ' '");
is_locked('command that writes without end', qr/pii\.keyring_command: its output is larger than 1 MiB/,
	keyring_command => 'yes');
is_unlocked('command that reads its standard input', keyring_command => "cat - $keyring");

my $offset = is_locked('command that complains', qr/pii\.keyring_command: it exited with status 1/,
	keyring_command => 'echo the vault is sealed >&2; exit 1');
like($node->log_since($offset), qr/^the vault is sealed$/m, 'what a command says on standard error is in the log');

# Commands that hang: the server starts without them, and they do not live on.

my %hanging = (
	'command that hangs'                         => 'exec sleep 1000',
	'command that hangs in a child'              => 'sleep 1000; true',
	'command that hangs after its output'        => "cat $keyring; exec >&-; exec sleep 1000",
	'command that ignores signals'               => q{trap '' TERM INT HUP; while :; do sleep 1000; done});
foreach my $name (sort keys %hanging)
{
	unlink "$dir/pid";
	is_locked($name, qr/pii\.keyring_command: it did not finish within 500 ms \(pii\.keyring_timeout\)/,
		keyring_command => "echo \$\$ > $dir/pid; $hanging{$name}", keyring_timeout => '500ms');
	my $group = slurp_file("$dir/pid");
	chomp $group;
	# In a container without an init process the killed stay as zombies.
	my @left = grep { /^\s*$group\s+[^Z]/ } `ps -eo pgid=,stat=,args=`;
	is(join('', @left), '', "$name: nothing of it is left");
}

is_unlocked('the good file at last', keyring_file => $keyring);

# Without shared_preload_libraries

$node->configure(shared_preload_libraries => undef);
$node->start_again('not preloaded: the server starts');
my $hint = qr/pii was not loaded when the server started\nHINT:  Add pii to shared_preload_libraries/;
$node->succeeds('CREATE DATABASE other', 'not preloaded: CREATE DATABASE');
$node->succeeds('CREATE EXTENSION pii', 'not preloaded: CREATE EXTENSION works', dbname => 'other');
$node->succeeds('CREATE TABLE t (a pii_text(ssn)); ANALYZE t; DROP TABLE t', 'not preloaded: tables can be made',
	dbname => 'other');
$node->gives('SELECT * FROM plain', '1|one', 'not preloaded: plain tables work');
foreach my $use (
	q{INSERT INTO people VALUES (3, 'x')},
	'SELECT name FROM people',
	'SELECT pii_try_reveal(name) FROM people',
	q{SELECT pii_seal('x')},
	'SELECT * FROM pii_keyring',
	q{LOAD 'pii'; SELECT name FROM people})
{
	$node->fails($use, '55000', $hint, "not preloaded: $use");
}
$node->gives('SELECT pii_sealed(name) FROM people WHERE id = 1', $sealed, 'not preloaded: sealed text');
$node->succeeds('ANALYZE people', 'not preloaded: ANALYZE');

# Nothing that was written all along repeats the value or the keys.

my %needles = ("the value" => $secret);
my %keys    = keyring_keys($keyring);
%needles = (%needles, needle_forms($_, $keys{$_})) foreach keys %keys;
# The value is in statements that failed: it is the client's own text there.
my $log = join '', grep { !/STATEMENT:  INSERT|CONTEXT|STATEMENT:  COPY/ } split /^/, slurp_file($node->logfile);
is(join(', ', grep { index($log, $needles{$_}) >= 0 } sort keys %needles), '', 'the log repeats neither value nor key');

done_testing();
