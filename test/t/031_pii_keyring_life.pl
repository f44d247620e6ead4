# The pii-keyring program: the life of keys to their end, domains and classes, and wrapped keyrings.
# Runs as root and as anybody else.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use IPC::Run qw();
use MIME::Base64 qw(decode_base64);
use POSIX qw(:sys_wait_h);
use Test::More;

use KeyringProgram;

my $reload = qr/^next: reload every server .*: SELECT pii_reload_keyring\(\), or pg_ctl reload$/m;

# A root key file in a directory of its own, and its check value.
sub new_root_key
{
	my $file = new_directory() . '/root.key';
	my ($status, $out, $err) = pii_keyring('init-root', $file);
	die "init-root $file: $err" if $status ne '0';
	note_keys('"' . slurp($file) =~ s/\n//r . '"');
	return ($file, $out =~ /check value ([0-9a-f]{16})$/m);
}

sub is_wrapped
{
	my ($file, $check_value, $name) = @_;
	like(slurp($file), qr/\A\{\s*"pii_wrapped_keyring": 1,\s*"root_kcv": "\Q$check_value\E",\s*"nonce": "[^"]{32}",\s*"ciphertext": "[^"]+"\s*\}\s*\z/,
		"$name: the file is wrapped");
	return;
}

# A keyring without its wrapping, made from a copy so that the directory of the file never sees it.
sub plain_text
{
	my ($file, $root_key) = @_;
	my $copy = new_directory() . '/copy.json';
	copy($file, $copy) or die $!;
	chmod(oct(600), $copy) or die $!;
	my ($status, $out, $err) = pii_keyring('unwrap', $copy, '--root-key-file', $root_key);
	die "unwrap $copy: $err" if $status ne '0';
	my $text = slurp($copy);
	note_keys($text);
	return $text;
}

# No key of the text, nor its beginning, is in any file of the directory.
sub holds_no_key
{
	my ($place, $text, $name) = @_;
	my @keys = map { substr($_, 0, 16) } $text =~ m{"([A-Za-z0-9+/]{43}=)"}g;
	my $found = 0;
	foreach my $entry (@{ entries($place) })
	{
		my $content = slurp("$place/$entry");
		$found += grep { index($content, $_) >= 0 || index($content, decode_base64($_)) >= 0 } @keys;
	}
	cmp_ok(scalar(@keys), '>=', 3, "$name: there are keys");
	is($found, 0, "$name: no key in plain in the directory");
	return;
}

note('usage');
{
	my $file = new_keyring();
	refuses(['domain'], qr/no command given after domain\nhint: run: pii-keyring domain --help/, 'a group alone', 2);
	refuses([ 'class', 'frob' ], qr/there is no command or option "class frob"/, 'an unknown command of a group', 2);
	refuses([ 'domain', 'add', $file ], qr/NAME/, 'domain add without NAME', 2);
	refuses([ 'domain', 'add', $file, 'Upper' ], qr/NAME: must be 1 to 63/, 'domain add with a bad NAME', 2);
	my @class = ('class', 'add', $file);
	refuses([ @class, 'badge' ], qr/--normalize/, 'class add without --normalize', 2);
	refuses([ @class, @$_ ], qr/must be/, "class add @$_", 2)
	  foreach ([ 'Upper', '--normalize', 'digits' ], [ '1st', '--normalize', 'digits' ], [ 'badge', '--normalize', 'upper' ],
		[ 'badge', '--normalize', 'digits', '--transform', 'exact' ],
		[ 'badge', '--normalize', 'digits', '--transform', 'last5' ]);
	refuses([ @class, 'badge', '--normalize', 'digits', @$_ ], qr/\Q$_->[0]\E/, "class add @$_", 2)
	  foreach ([ '--id', '999' ], [ '--id', '65536' ], [ '--keep-first', '256' ], [ '--keep-last', '-1' ], ['--id']);
	foreach my $command ('disable', 'enable', 'destroy')
	{
		refuses([ $command, $file, 'seal' ], qr/VERSION/, "$command without VERSION", 2);
		refuses([ $command, $file, 'seal', '0' ], qr/VERSION/, "$command of version 0", 2);
	}
	refuses([ 'disable', $file, 'seal', 1, '--force' ], qr/--force/, 'disable --force', 2);

	foreach my $command ([ 'list', $file ], [ 'add', $file, 'seal' ], [ 'wrap', $file ], [ 'init', "$dir/no" ])
	{
		my $name = $command->[0];
		refuses([ @$command, '--root-key-file', 'a', '--root-key-command', 'b' ],
			qr/--root-key-file and --root-key-command exclude each other/, "$name with two root keys", 2);
		refuses([ @$command, $_, '' ], qr/\Q$_\E: must not be empty/, "$name with an empty $_", 2)
		  foreach ('--root-key-file', '--root-key-command');
	}
	refuses([ $_, $file ], qr/--root-key-file or --root-key-command is required/, "$_ without a root key", 2)
	  foreach ('wrap', 'unwrap', 'rewrap-root');
	refuses([ 'rewrap-root', $file, '--root-key-file', 'a' ],
		qr/--new-root-key-file or --new-root-key-command is required/, 'rewrap-root without a new root key', 2);
	refuses([ 'init-root', $file, '--root-key-file', 'a' ], qr/--root-key-file/, 'init-root has no root key', 2);
	ok(!-e "$dir/no", 'a usage error makes no file');
	succeeds([ 'verify', $file ], qr/\AOK: .*2 key versions,/, 'a usage error changes nothing');
	note_keys(slurp($file));
}

note('disable, enable, destroy');
foreach my $purpose ('seal', 'blind_index')
{
	my $file = new_keyring();
	my $seals = $purpose eq 'seal';
	refuses([ $_, $file, $purpose, 1 ],
		qr/version 1 of $purpose .* is the primary.*\nhint: first add a new version: pii-keyring add \Q$file\E $purpose; then promote that$/m,
		"$_ the only version of $purpose")
	  foreach ('disable', 'destroy');
	pii_keyring('add', $file, $purpose);
	refuses([ $_, $file, $purpose, 1 ],
		qr/is the primary.*\nhint: first promote another one: pii-keyring promote \Q$file\E $purpose 2$/m,
		"$_ the primary of $purpose")
	  foreach ('disable', 'destroy');
	pii_keyring('promote', $file, $purpose, 2);

	my $text = slurp($file);
	note_keys($text);
	refuses([ 'destroy', $file, $purpose, 1, @$_ ],
		qr/version 1 of $purpose .* is enabled\nhint: first disable it.*: pii-keyring disable \Q$file\E $purpose 1$/m,
		"destroy an enabled version of $purpose @$_")
	  foreach ([], ['--force']);
	refuses([ $_, $file, $purpose, 3 ], qr/there is no version 3 of $purpose.*\nhint: .*pii-keyring list/,
		"$_ an unknown version of $purpose")
	  foreach ('disable', 'enable', 'destroy');
	refuses([ $_, $file, $purpose, 1, '--domain', 'crm' ], qr/no domain "crm"/, "$_ in an unknown domain")
	  foreach ('disable', 'enable', 'destroy');
	is_untouched($file, $text, "refused for $purpose");

	my $inode = (stat($file))[1];
	succeeds([ 'enable', $file, $purpose, 1 ], qr/\Aversion 1 .* is enabled already; nothing to do\n\z/,
		"enable an enabled version of $purpose");
	is((stat($file))[1], $inode, 'nothing is written');
	my $out = succeeds([ 'disable', $file, $purpose, 1 ], $reload, "disable $purpose");
	like($out, qr/\Aversion 1 of $purpose .* is now disabled; a server goes on using it until it reloads$/m, 'disable: done');
	like($out, qr/^next: check .*SELECT \* FROM pii_column_status\('table', 'column'\)/m, 'disable: what to check');
	like($out, $seals ? qr/^next: values sealed under it cannot be read/m : qr/^next: rows indexed under it are not found/m,
		'disable: what it means');
	like($out, qr/pii-keyring enable \Q$file\E $purpose 1$/m, 'disable: the way back');
	like(slurp($file), qr/"1": \{\s*"status": "disabled",\s*"key": "/, 'a disabled key is still there');
	succeeds([ 'disable', $file, $purpose, 1 ], qr/is disabled already; nothing to do/, 'disable again');
	refuses([ 'promote', $file, $purpose, 1 ], qr/is disabled\nhint: enable it: /, 'promote a disabled version');
	succeeds([ 'enable', $file, $purpose, 1 ], $reload, "enable $purpose");
	is(slurp($file), $text, 'disable and enable leave the file as it was');

	pii_keyring('disable', $file, $purpose, 1);
	my ($key) = slurp($file) =~ /"1": \{\s*"status": "disabled",\s*"key": "([^"]+)"/ or die;
	$text = slurp($file);
	my ($status, $no_output, $err) = pii_keyring('destroy', $file, $purpose, 1);
	is_refusal($status, $no_output, $err, qr/the key of version 1 of $purpose .* would be gone for good/,
		"destroy $purpose without --force");
	like($err, qr/^    SELECT \* FROM pii_column_status\('table', 'column'\)$/m, 'destroy: the query to check with');
	like($err, $seals ? qr/no row of kind 'sealed' with key_version 1\./ : qr/no row of kind 'blind index' with key_version 1\./,
		'destroy: what it must show');
	like($err, $seals ? qr/standby.*subscriber.*dump.*backup.*default, view.*pii:v1:/s : qr/standby.*subscriber.*backup/s,
		'destroy: what else to check');
	like($err, qr/^  Then run: pii-keyring destroy \Q$file\E $purpose 1 --force$/m, 'destroy: the command then');
	is_untouched($file, $text, 'destroy without --force');

	$out = succeeds([ 'destroy', $file, $purpose, 1, '--force' ], $reload, "destroy $purpose");
	like($out, qr/\Aversion 1 .* is now destroyed; its number stays$/m, 'destroy: done');
	like($out, qr/^next: destroy every copy of the keyring/m, 'destroy: what is next');
	unlike(slurp($file), qr/\Q$key\E/, 'the key is gone');
	succeeds([ 'list', $file ], qr/^default +$purpose +1 +destroyed +\S+Z +-$/m, 'its number stays');
	is_deeply(entries(dirname($file)), [ basename($file) ], 'nor is it in another file');

	$text = slurp($file);
	succeeds([ 'destroy', $file, $purpose, 1 ], qr/is destroyed already; nothing to do/, 'destroy again');
	refuses([ 'enable', $file, $purpose, 1 ],
		qr/is destroyed: its key is not in the keyring any more\nhint: add a new version: .*a copy of the keyring/,
		'enable a destroyed version');
	refuses([ 'disable', $file, $purpose, 1 ], qr/is destroyed/, 'disable a destroyed version');
	refuses([ 'promote', $file, $purpose, 1 ], qr/is destroyed/, 'promote a destroyed version');
	is_untouched($file, $text, 'destroyed stays destroyed');

	# The highest number there is may be a destroyed one.
	pii_keyring('add', $file, $purpose);
	pii_keyring('disable', $file, $purpose, 3);
	pii_keyring('destroy', $file, $purpose, 3, '--force');
	succeeds([ 'add', $file, $purpose ], qr/^added version 4 of /m, 'the number of a destroyed version is not given again');
	succeeds([ 'verify', $file ], qr/5 key versions \(3 enabled, 0 disabled, 2 destroyed\)/, 'verify counts');
	note_keys(slurp($file));
}

note('domain add');
{
	my $file = new_keyring();
	my $out = succeeds([ 'domain', 'add', $file, 'crm' ], $reload, 'domain add');
	like($out, qr/\Aadded domain "crm": version 1 of seal and blind_index$/m, 'domain add: done');
	like($out, qr/ALTER DATABASE name SET pii\.domain = 'crm'/, 'domain add: what is next');
	succeeds([ 'list', $file ], qr/^crm +seal +1 +enabled +\*.*\ncrm +blind_index +1 +enabled +\*/m, 'domain add: list');
	my $text = slurp($file);
	note_keys($text);
	my %keys = map { $_ => 1 } $text =~ m{"([A-Za-z0-9+/]{43}=)"}g;
	is(scalar(keys %keys), 6, 'its keys are its own');
	refuses([ 'domain', 'add', $file, $_ ], qr/has a domain "$_" already\nhint: choose another name/, "domain add $_ again")
	  foreach ('crm', 'default');
	is_untouched($file, $text, 'domain add again');
	succeeds([ 'add', $file, 'seal', '--domain', 'crm' ], qr/promote \Q$file\E seal 2 --domain crm$/m, 'add to the domain');
	succeeds([ 'promote', $file, 'seal', 2, '--domain', 'crm' ], qr/is now the primary/, 'promote in the domain');
	succeeds([ 'disable', $file, 'seal', 1, '--domain', 'crm' ], qr/enable \Q$file\E seal 1 --domain crm$/m,
		'disable in the domain');
	succeeds([ 'list', $file ], qr/^default +seal +1 +enabled +\*/m, 'the other domain is as it was');
	note_keys(slurp($file));
}

note('class add');
{
	my $file = new_keyring();
	my $class = sub { return ('class', 'add', $file, @_) };
	my $out = succeeds([ $class->('member_no', '--normalize', 'digits', '--keep-last', 3, '--transform', 'last4') ],
		$reload, 'class add');
	like($out, qr/\Aadded class "member_no" with id 1000$/m, 'class add: done');
	like($out, qr/pii_text\(member_no\)/, 'class add: what is next');
	succeeds([ $class->('badge', '--normalize', 'nfc', '--keep-first', 1, '--keep-last', 2,
			'--transform', 'first3', '--transform', 'last4') ], qr/with id 1001$/m, 'class add, the next id');
	succeeds([ $class->('far', '--normalize', 'name', '--id', 2000) ], qr/with id 2000$/m, 'class add --id');
	succeeds([ $class->('after', '--normalize', 'none') ], qr/with id 2001$/m, 'the next id is above all others');
	my $list = succeeds([ 'list', $file ], qr/^member_no +1000 +digits +keep_last 3 +exact, last4$/m, 'class add: list');
	like($list, qr/^badge +1001 +nfc +keep_first 1, keep_last 2 +exact, last4, first3$/m, 'class add: all options');
	like($list, qr/^after +2001 +none +\*{4} +-$/m, 'class add: a class that is never searched');

	my $text = slurp($file);
	note_keys($text);
	refuses([ $class->($_, '--normalize', 'digits') ], qr/there is a class "$_" already\nhint: choose another/, "class $_ again")
	  foreach ('member_no', 'ssn', 'text');
	refuses([ $class->('other', '--normalize', 'digits', '--id', 1001) ], qr/there is a class with id 1001 already/,
		'an id again');
	refuses([ $class->('other', '--normalize', 'none', '--transform', 'word') ], qr/is never searched, and has no transforms/,
		'transforms of a class that is never searched');
	is_untouched($file, $text, 'class add refused');
	succeeds([ $class->('last', '--normalize', 'digits', '--id', 65535) ], qr/with id 65535$/m, 'the last id');
	refuses([ $class->('other', '--normalize', 'digits') ], qr/id 65535, and no number is above it\nhint: .*--id/,
		'no id is left above');
	succeeds([ $class->('other', '--normalize', 'digits', '--id', 3000) ], qr/with id 3000$/m, 'a gap may be named');
	succeeds([ 'verify', $file ], qr/6 custom classes/, 'verify after class add');
}

note('init-root');
{
	foreach my $umask (oct(0), oct(777))
	{
		my $name = sprintf('init-root under umask %03o', $umask);
		my $file = new_directory() . '/root.key';
		my $old = umask($umask);
		my $out = succeeds([ 'init-root', $file ], qr/\Acreated root key file "\Q$file\E", check value [0-9a-f]{16}$/m, $name);
		umask($old);
		is(mode_of($file), oct(600), "$name: mode 0600");
		like(slurp($file), qr{\A[A-Za-z0-9+/]{43}=\n\z}, "$name: 32 bytes in base64");
		like($out, qr/^next: .*pii-keyring init KEYRING --root-key-file \Q$file\E$/m, "$name: what is next");
		like($out, qr/^next: .*pii-keyring wrap KEYRING --root-key-file \Q$file\E$/m, "$name: what else");
		note_keys('"' . slurp($file) =~ s/\n//r . '"');

		my $text = slurp($file);
		refuses([ 'init-root', $file ], qr/root key file .* exists already, and init-root overwrites nothing/, "$name again");
		is_untouched($file, $text, "$name again");
	}
	my $place = new_directory();
	symlink("$place/target", "$place/dangling") or die $!;
	refuses([ 'init-root', "$place/dangling" ], qr/exists already/, 'init-root of a dangling symbolic link');
	is_deeply(entries($place), ['dangling'], 'and makes no target');
	my $keyring = new_keyring();
	refuses([ 'init-root', $keyring ], qr/exists already/, 'init-root of a keyring');
	note_keys(slurp($keyring));
}

note('a wrapped keyring lives as any other');
{
	my ($root_key, $check_value) = new_root_key();
	my @root_key = ('--root-key-file', $root_key);
	my $file = new_directory() . '/keys.json';
	my $place = dirname($file);
	my $out = succeeds([ 'init', $file, @root_key ], qr/wrapped under the root key with check value $check_value/, 'init wrapped');
	like($out, qr/pii\.keyring_file = '\Q$file\E', pii\.root_key_file = '\Q$root_key\E'; and restart/, 'init wrapped: what is next');
	is_wrapped($file, $check_value, 'init');
	is(mode_of($file), oct(600), 'init wrapped: mode 0600');

	my %nonces;
	foreach my $case (
		[ [ 'add',     $file, 'seal' ], qr/promote \Q$file\E seal 2 --root-key-file \Q$root_key\E$/m ],
		[ [ 'promote', $file, 'seal', 2 ], qr/is now the primary/ ],
		[ [ 'disable', $file, 'seal', 1 ], qr/enable \Q$file\E seal 1 --root-key-file \Q$root_key\E$/m ],
		[ [ 'enable',  $file, 'seal', 1 ], qr/is now enabled/ ],
		[ [ 'disable', $file, 'seal', 1 ], qr/is now disabled/ ],
		[ [ 'destroy', $file, 'seal', 1, '--force' ], qr/is now destroyed/ ],
		[ [ 'add',     $file, 'blind_index' ], qr/added version 2/ ],
		[ [ 'domain', 'add', $file, 'crm' ], qr/added domain/ ],
		[ [ 'class', 'add', $file, 'badge', '--normalize', 'digits' ], qr/with id 1000/ ])
	{
		my ($command, $pattern) = @$case;
		my $name = join(' ', map { $_ eq $file ? () : $_ } @$command);
		my $before = slurp($file);
		$nonces{$1} = 1 if $before =~ /"nonce": "([^"]+)"/;

		refuses($command, qr/ is wrapped\nhint: give its root key: --root-key-file FILE or --root-key-command COMMAND$/m,
			"$name without the root key");
		is_untouched($file, $before, "$name without the root key");
		succeeds([ @$command, @root_key ], $pattern, "$name, wrapped");
		is_wrapped($file, $check_value, $name);
		is_deeply(entries($place), [ basename($file) ], "$name, wrapped: no other file");
		holds_no_key($place, plain_text($file, $root_key), $name);
	}
	is(scalar(keys %nonces), 9, 'each has a nonce of its own');

	refuses([ $_, $file ], qr/ is wrapped\nhint: give its root key/, "$_ without the root key") foreach ('list', 'verify');
	my $list = succeeds([ 'list', $file, @root_key ], qr/^default +seal +1 +destroyed/m, 'list, wrapped');
	like($list, qr/^badge +1000 /m, 'list, wrapped: classes');
	like($list, qr/^wrapped under the root key with check value $check_value$/m, 'list, wrapped: the root key');
	succeeds([ 'verify', $file, @root_key ],
		qr/\AOK: keyring file .*, wrapped under the root key with check value $check_value: 2 domains, 6 key versions/,
		'verify, wrapped');

	# What changes nothing writes nothing.
	my $text = slurp($file);
	succeeds([ 'promote', $file, 'seal', 2, @root_key ], qr/is the primary already/, 'promote again, wrapped');
	refuses([ 'destroy', $file, 'seal', 2, '--force', @root_key ], qr/is the primary/, 'destroy the primary, wrapped');
	is_untouched($file, $text, 'wrapped, and nothing changed');

	# Killed as soon as the new file is there under its first name: it has no key in plain either.
	my $plain = plain_text($file, $root_key);
	my $temporary = "$place/.pii-keyring.tmp";
	my $caught = 0;
	foreach my $try (1 .. 20)
	{
		unlink($temporary);
		my $pid = fork() // die $!;
		if ($pid == 0)
		{
			open(STDOUT, '>', '/dev/null') or die $!;
			exec($program, 'add', $file, 'seal', @root_key) or die $!;
		}
		my $ended = 0;
		$ended = waitpid($pid, WNOHANG) == $pid until $ended || -e $temporary;
		next if $ended;
		kill('KILL', $pid);
		waitpid($pid, 0);
		next if !-e $temporary;
		$caught++;
		holds_no_key($place, $plain, 'a killed run');
	}
	note("$caught killed runs left their new file");
	succeeds([ 'add', $file, 'seal', @root_key ], qr/added version/, 'add after killed runs, wrapped');

	# All at the same time.
	my @runs = map {
		my %run = (out => '', err => '');
		$run{harness} = IPC::Run::start([ $program, 'add', $file, 'blind_index', @root_key ],
			'<', \undef, '>', \$run{out}, '2>', \$run{err});
		\%run
	} 1 .. 8;
	my %versions;
	foreach my $run (@runs)
	{
		IPC::Run::finish($run->{harness});
		note_output($run->{out}, $run->{err});
		$versions{$1} = 1 if $run->{out} =~ /added version (\d+) of blind_index/;
	}
	is_deeply([ sort { $a <=> $b } keys %versions ], [ 3 .. 10 ], '8 concurrent runs add 8 versions to a wrapped keyring');
	is_wrapped($file, $check_value, 'concurrent runs');
	plain_text($file, $root_key);
}

note('wrap, rewrap-root, unwrap');
{
	my ($root_key, $check_value) = new_root_key();
	my ($other_key, $other_value) = new_root_key();
	my $file = new_keyring();
	my $place = dirname($file);
	my $plain = slurp($file);
	note_keys($plain);

	refuses([ 'unwrap', $file, '--root-key-file', $root_key ], qr/ is not wrapped, and a root key is given\nhint: wrap it: /,
		'unwrap what is not wrapped');
	refuses([ 'rewrap-root', $file, '--root-key-file', $root_key, '--new-root-key-file', $other_key ],
		qr/ is not wrapped/, 'rewrap-root of what is not wrapped');
	refuses([ @$_, '--root-key-file', $root_key ],
		qr/ is not wrapped, and a root key is given\nhint: wrap it: pii-keyring wrap \Q$file\E --root-key-file \Q$root_key\E; or give no/,
		"$_->[0] with a root key for what is not wrapped")
	  foreach ([ 'list', $file ], [ 'verify', $file ], [ 'add', $file, 'seal' ], [ 'domain', 'add', $file, 'crm' ]);
	is_untouched($file, $plain, 'a keyring that is not wrapped');

	my $link = new_directory() . '/link';
	symlink($file, $link) or die $!;
	my $out = succeeds([ 'wrap', $link, '--root-key-file', $root_key ],
		qr/\Awrapped keyring file .* under the root key with check value $check_value$/m, 'wrap through a link');
	like($out, qr/^next: .*set pii\.root_key_file = '\Q$root_key\E' in postgresql\.conf, and run pg_ctl reload$/m,
		'wrap: what is next');
	is(readlink($link), $file, 'wrap: the link stays');
	is_wrapped($file, $check_value, 'wrap');
	is(mode_of($file), oct(600), 'wrap: the mode stays');
	is_deeply(entries($place), [ basename($file) ], 'wrap: one file');
	holds_no_key($place, $plain, 'wrap');
	refuses([ 'wrap', $file, '--root-key-file', $_ ], qr/ is wrapped already\nhint: to change its root key, run pii-keyring rewrap-root/,
		'wrap again')
	  foreach ($root_key, $other_key);

	my $wrapped = slurp($file);
	refuses([ @$_, '--root-key-file', $other_key ],
		qr/wrapped under the root key with check value $check_value, and the one given has $other_value\nhint: give the root key/,
		"$_->[0] with another root key")
	  foreach ([ 'list', $file ], [ 'verify', $file ], [ 'add', $file, 'seal' ], [ 'unwrap', $file ],
		[ 'rewrap-root', $file, '--new-root-key-file', $root_key ]);
	refuses([ 'rewrap-root', $file, '--root-key-file', $root_key, '--new-root-key-command', "cat '$root_key'" ],
		qr/the new root key is the old one, check value $check_value/, 'rewrap-root to the same root key');
	is_untouched($file, $wrapped, 'another root key');

	$out = succeeds([ 'rewrap-root', $file, '--root-key-file', $root_key, '--new-root-key-file', $other_key ],
		qr/under the root key with check value $other_value; it was $check_value$/m, 'rewrap-root');
	like($out, qr/^next: .*set pii\.root_key_file = '\Q$other_key\E' in postgresql\.conf, and run pg_ctl reload$/m,
		'rewrap-root: what is next');
	like($out, qr/^next: keep the old root key/m, 'rewrap-root: the old root key');
	is_wrapped($file, $other_value, 'rewrap-root');
	holds_no_key($place, $plain, 'rewrap-root');
	refuses([ 'list', $file, '--root-key-file', $root_key ], qr/check value $other_value/, 'the old root key opens it no more');

	$out = succeeds([ 'unwrap', $file, '--root-key-command', "cat '$other_key'" ], qr/keys are now in plain on the disk$/m, 'unwrap');
	like($out, qr/^next: .*take pii\.root_key_file and pii\.root_key_command out/m, 'unwrap: what is next');
	is(slurp($file), $plain, 'unwrap gives the keyring that was wrapped');

	# What is read need not be what this program wrote.
	$wrapped =~ s/\s+(?=")//g;
	spew($file, $wrapped);
	succeeds([ 'list', $file, '--root-key-file', $root_key ], qr/^default +seal/m, 'a wrapped keyring without white space');

  SKIP:
	{
		my $reference = dirname(__FILE__) . '/../reference/pii_reference.py';
		skip 'no python3-cryptography', 1 if system('python3 -c "import cryptography" 2>/dev/null') != 0;
		is(scalar(qx(python3 '$reference' unwrap '$file' '$root_key')), $plain, 'the second implementation opens it');
	}
}

note('root keys that are refused');
{
	my ($root_key, $check_value) = new_root_key();
	my $file = new_directory() . '/keys.json';
	pii_keyring('init', $file, '--root-key-file', $root_key);
	my $text = slurp($file);
	plain_text($file, $root_key);

	my $odd = new_directory() . '/odd';
	my $good = slurp($root_key) =~ s/\n//r;
	my $rule = qr/a root key must be 32 bytes in base64 \(44 characters\), and nothing else/;
	my %malformed = (
		'empty' => '',
		'a newline' => "\n",
		'too short' => substr($good, 1),
		'two of them' => "$good\n$good\n",
		'in hex' => unpack('H*', decode_base64($good)),
		'raw bytes' => decode_base64($good),
		'a keyring' => $text,
	);
	foreach my $name (sort keys %malformed)
	{
		spew($odd, $malformed{$name});
		refuses([ 'list', $file, '--root-key-file', $odd ], qr/root key file "\Q$odd\E": $rule/, "a root key file: $name");
		refuses([ 'list', $file, '--root-key-command', "cat '$odd'" ], qr/root key command: $rule/,
			"a root key command: $name");
		refuses([ 'init', "$dir/no", '--root-key-file', $odd ], $rule, "init with a root key file: $name");
	}
	spew($odd, " \n$good\r\n\n");
	succeeds([ 'list', $file, '--root-key-file', $odd ], qr/^default/m, 'white space around a root key');

	my @list = ('list', $file);
	refuses([ @list, '--root-key-file', "$dir/nothing" ],
		qr/root key file .*No such file.*\nhint: .*pii-keyring init-root/, 'no root key file');
	refuses([ @list, '--root-key-file', $dir ], qr/root key file .*not a regular file/, 'a directory for a root key file');
	chown($server_uid, $server_gid, $odd) if $is_root;
	chmod(oct(644), $odd) or die $!;
	refuses([ @list, '--root-key-file', $odd ], qr/group or world access.*\nhint: run: chmod 600 \Q$odd\E$/m,
		'a root key file that others may read');

	refuses([ @list, '--root-key-command', 'exit 3 # s3cr3t' ], qr/root key command: it exited with status 3/,
		'a root key command that fails');
	refuses([ @list, '--root-key-command', "cat '$root_key'; exit 1" ], qr/exited with status 1/,
		'a root key command that prints the root key and fails');
	refuses([ @list, '--root-key-command', "cat '$root_key'; kill -9 \$\$" ], qr/ended by signal 9/,
		'a root key command that is killed');
	refuses([ @list, '--root-key-command', 'yes s3cr3t' ], qr/output is larger than 1 MiB/, 'a root key command without end');
	my $out = succeeds([ 'add', $file, 'seal', '--root-key-command', "cat '$root_key' # s3cr3t" ],
		qr/promote \Q$file\E seal 2 --root-key-command COMMAND$/m, 'a root key command is not repeated');
	unlike($out, qr/s3cr3t|cat/, 'nor any part of it');
	is_wrapped($file, $check_value, 'a root key of a command');
	my ($status, $init) = pii_keyring('init', new_directory() . '/keys.json', '--root-key-command', "cat '$root_key' # s3cr3t");
	is($status, 0, 'init with a root key command');
	unlike($init, qr/s3cr3t|cat/, 'does not repeat it either');
	plain_text($file, $root_key);
}

note('damage');
{
	my ($root_key, $check_value) = new_root_key();
	my $file = new_directory() . '/keys.json';
	pii_keyring('init', $file, '--root-key-file', $root_key);
	my $text = slurp($file);
	my $plain = plain_text($file, $root_key);
	my ($ciphertext) = $text =~ /"ciphertext": "([^"]+)"/;
	my $flipped = ($ciphertext =~ /^A/ ? 'B' : 'A') . substr($ciphertext, 1);
	my %damaged = (
		'cut' => [ substr($text, 0, 200), qr/not valid JSON at byte/ ],
		'a character of the ciphertext' => [ $text =~ s/\Q$ciphertext\E/$flipped/r, qr/does not open under its root key: it is damaged/ ],
		'no nonce' => [ $text =~ s/"nonce": "[^"]+",//r, qr/nonce: missing/ ],
		'a short nonce' => [ $text =~ s/("nonce": ")..../$1/r, qr/nonce: must be 24 bytes/ ],
		'a member more' => [ $text =~ s/"nonce"/"kdf": 1, "nonce"/r, qr/kdf: unknown member/ ],
		'a member twice' => [ $text =~ s/("nonce": "[^"]+")/$1, $1/r, qr/nonce: the same member twice/ ],
		'another version' => [ $text =~ s/(keyring": )1/${1}2/r, qr/pii_wrapped_keyring: must be 1/ ],
		'no ciphertext' => [ $text =~ s/\Q$ciphertext\E//r, qr/ciphertext: must be 16 bytes or more/ ],
		'both kinds of keyring' => [ $text =~ s/\{/{ "pii_keyring": 1,/r, qr/pii_keyring: unknown member/ ],
		'only the magic' => [ '{"pii_wrapped_keyring": 1}', qr/root_kcv: missing/ ],
	);
	foreach my $name (sort keys %damaged)
	{
		my ($content, $pattern) = @{ $damaged{$name} };
		spew($file, $content);
		refuses([ @$_, '--root-key-file', $root_key ], $pattern, "$_->[0], $name")
		  foreach ([ 'list', $file ], [ 'verify', $file ], [ 'add', $file, 'seal' ], [ 'unwrap', $file ]);
		refuses([ 'list', $file ], qr/ is wrapped\nhint: give its root key/, "list without a root key, $name");
		is_untouched($file, $content, $name);
	}
}

note('a failure leaves the old file');
{
	my ($root_key, $check_value) = new_root_key();
	my $file = new_keyring();
	my $text = slurp($file);
	note_keys($text);
	my @no_room = ('sh', '-c', 'ulimit -f 0; exec "$0" "$@"');
	is_refusal(pii_keyring_of(\@no_room, 'wrap', $file, '--root-key-file', $root_key), qr/cannot write.*unchanged/,
		'wrap beyond the file size limit');
	is_untouched($file, $text, 'wrap beyond the file size limit');
	my $new = new_directory();
	is_refusal(pii_keyring_of(\@no_room, 'init-root', "$new/root.key"), qr/cannot write/, 'init-root beyond the file size limit');
	is_deeply(entries($new), [], 'init-root beyond the file size limit: nothing is left');

	# A keyring that is as large as one may be does not fit when it is wrapped.
	my ($domain) = $text =~ /"default": (\{.*"hash_key": "[^"]+"\s*\})/s;
	$domain =~ s/"1": (\{[^}]*\})/"1": $1, "2": $1/g;
	my $domains = join(',', map { qq("d$_": $domain) } 1 .. 1000);
	my $classes = join(',', map { qq({"id": $_, "name": "c$_", "normalize": "digits", "mask": {}}) } 1000 .. 1999);
	my $large = qq({"pii_keyring": 1, "domains": {$domains}, "classes": [$classes]}) =~ s/\s+//gr;
	spew($file, $large);
	my ($verified) = pii_keyring('verify', $file);
	is($verified, 0, 'a large keyring');
	refuses([ 'wrap', $file, '--root-key-file', $root_key ], qr/the keyring is too large to be wrapped: .* the keyring itself 767 KiB/,
		'wrap a keyring that is too large');
	is_untouched($file, $large, 'wrap a keyring that is too large');
}

note('no key in any output');
no_key_was_shown(60);

done_testing();
