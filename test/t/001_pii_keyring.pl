# The pii-keyring program: its first commands, and the files it works on. 031_pii_keyring_life.pl has the rest.
# Runs as root, who sees more, and as anybody else.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Basename qw(basename);
use IPC::Run qw();
use POSIX qw(mkfifo);
use Test::More;

use KeyringProgram;

note('usage');
{
	my @commands = (
		qw(init add promote disable enable destroy),
		'domain add', 'class add', qw(list verify init-root wrap unwrap rewrap-root));
	my $help = succeeds(['--help'], qr/^Usage: pii-keyring/m, '--help');
	foreach my $command (@commands)
	{
		my ($word) = split(/ /, $command);
		like($help, qr/^  \Q$word\E +\S/m, "--help: lists $word");
	}
	like(
		$help,
		qr/init.*pii\.keyring_file.*restart.*add.*reload.*promote.*reload.*disable.*reload.*destroy.*wrap.*reload/s,
		'--help: the flow');
	foreach my $command (@commands)
	{
		my $own = succeeds([ split(/ /, $command), '--help' ], qr/^Usage: pii-keyring \Q$command\E/m,
			"$command --help");
		like($own, qr/^  FILE /m, "$command --help: FILE");
		like($own, qr/^Example:\n  pii-keyring \Q$command\E /m, "$command --help: an example");
	}
	succeeds(['--version'], qr/^pii-keyring 0\.1\.0$/, '--version');

	my $file = new_keyring();
	refuses([], qr/no command given/, 'no command', 2);
	refuses(['frobnicate'], qr/there is no command or option "frobnicate"/, 'unknown command', 2);
	refuses(['--frobnicate'], qr/there is no command or option "--frobnicate"/, 'unknown option', 2);
	foreach my $command (@commands)
	{
		refuses([ split(/ /, $command) ], qr/FILE/, "$command without FILE", 2);
		refuses([ split(/ /, $command), $file, 'seal', '1', '--frobnicate' ],
			qr/--frobnicate|seal|--normalize/, "$command with an unknown option", 2);
	}
	refuses([ 'add', $file ], qr/PURPOSE/, 'add without PURPOSE', 2);
	refuses([ 'add', $file, 'sael' ], qr/PURPOSE.*sael/, 'add with an unknown PURPOSE', 2);
	refuses([ 'promote', $file, 'seal' ], qr/VERSION/, 'promote without VERSION', 2);
	refuses([ 'promote', $file, 'seal', $_ ], qr/VERSION/, "promote to version $_", 2)
	  foreach ('0', '-1', '65536', 'one', '1x', '');
	refuses([ 'init', "$dir/no", '--domain', $_ ], qr/--domain/, "init --domain '$_'", 2)
	  foreach ('', 'Upper', '-x', 'a b', 'x' x 64);
	ok(!-e "$dir/no", 'a usage error makes no file');
}

note('init');
{
	foreach my $umask (oct(0), oct(77), oct(777))
	{
		my $name = sprintf('init under umask %03o', $umask);
		my $file = new_directory() . '/keys.json';
		my $old = umask($umask);
		my ($status, $out, $err) = pii_keyring('init', $file);
		umask($old);
		is($status, 0, $name) or diag($err);
		is(mode_of($file), oct(600), "$name: mode 0600");
		like($out, qr/shared_preload_libraries = 'pii', pii\.keyring_file = '\Q$file\E'; and restart the server/,
			"$name: says what to do next");
		note_keys(slurp($file));
		is_deeply(entries($file =~ s{/[^/]*$}{}r), ['keys.json'], "$name: one file");
		succeeds([ 'verify', $file ], qr/\AOK: .*1 domain, 2 key versions, 0 custom classes/, $name);
	}

	my $file = new_directory() . '/crm.json';
	succeeds([ 'init', $file, '--domain', 'crm-eu.1' ], qr/pii\.domain = 'crm-eu\.1'/, 'init --domain');
	succeeds([ 'list', $file ], qr/^crm-eu\.1  seal         1 .*\ncrm-eu\.1  blind_index  1 /m,
		'init --domain: list');
	refuses([ 'add', $file, 'seal' ], qr/no domain "default"\nhint: .*: crm-eu\.1$/m, 'add lists the domains');
	refuses([ 'promote', $file, 'seal', 1 ],
		qr/no domain "default"\nhint: .*: crm-eu\.1$/m, 'promote lists the domains');
	succeeds(
		[ 'add', $file, 'seal', '--domain', 'crm-eu.1' ],
		qr/^next: .*promote \Q$file\E seal 2 --domain crm-eu\.1$/m,
		'add --domain: the next command has it too');

	my $here = new_directory();
	my ($status, $out, $err) = pii_keyring_of([ 'sh', '-c', 'cd "$0" && exec "$@"', $here ], 'init', 'list');
  SKIP:
	{
		skip 'PII_KEYRING is a relative path', 2 if $program =~ m{^[^/].*/};
		is($status, 0, 'a relative name, and one that is a command') or diag($err);
		is_deeply(entries($here), ['list'], 'a relative name: the file');
	}

	my $odd = new_directory() . "/it's a keyring.json";
	succeeds([ 'init', $odd ], qr/pii\.keyring_file = '.*it''s a keyring\.json'/, 'an odd name: the setting');
	succeeds([ 'add', $odd, 'seal' ], qr/promote '.*it'\\''s a keyring\.json' seal 2$/m,
		'an odd name: the command');
	note_keys(slurp($odd));

	refuses([ 'init', "$dir/nowhere/keys.json" ], qr/cannot open directory.*\nhint: .*mkdir/, 'no directory');
	refuses([ 'init', "$dir/" ], qr/does not name a file/, 'init of a directory');
}

note('init overwrites nothing');
{
	my $file = new_keyring();
	my $text = slurp($file);
	refuses([ 'init', $file ], qr/exists already/, 'init of a keyring');
	is_untouched($file, $text, 'init of a keyring');

	my $empty = new_directory() . '/empty';
	spew($empty, '');
	refuses([ 'init', $empty ], qr/exists already/, 'init of an empty file');
	is_untouched($empty, '', 'init of an empty file');

	my $place = new_directory();
	symlink($file, "$place/link") or die $!;
	refuses([ 'init', "$place/link" ], qr/exists already/, 'init of a symbolic link');
	ok(slurp($file) eq $text, 'init of a symbolic link: its target is as it was');

	symlink("$place/target", "$place/dangling") or die $!;
	refuses([ 'init', "$place/dangling" ], qr/exists already/, 'init of a dangling symbolic link');
	is_deeply(entries($place), [ 'dangling', 'link' ], 'init of a dangling symbolic link: no target');
	refuses([ 'add', "$place/dangling", 'seal' ], qr/No such file.*\nhint: it is a symbolic link/,
		'add to a dangling symbolic link');

	my $raced = new_directory() . '/keys.json';
	my @runs = map {
		my %run = (out => '', err => '');
		$run{harness} =
		  IPC::Run::start([ $program, 'init', $raced ], '<', \undef, '>', \$run{out}, '2>', \$run{err});
		\%run
	} 1 .. 10;
	my $made = 0;
	foreach my $run (@runs)
	{
		IPC::Run::finish($run->{harness});
		$made += $run->{harness}->full_result(0) == 0;
		note_output($run->{out}, $run->{err});
	}
	is($made, 1, 'of 10 concurrent init runs one makes the file');
	note_keys(slurp($raced));
	is_deeply(entries($raced =~ s{/[^/]*$}{}r), ['keys.json'], 'concurrent init: one file');
}

note('add, promote, list');
{
	my $file = new_keyring();
	my $out = succeeds([ 'add', $file, 'seal' ],
		qr/^added version 2 of seal .*version 1 is still the primary$/m, 'add');
	like($out, qr/^next: reload every server .*: SELECT pii_reload_keyring\(\), or pg_ctl reload\nnext: .*pii-keyring promote \Q$file\E seal 2$/m, 'add: what is next');
	my ($check_value) = $out =~ /check value ([0-9a-f]{16});/;
	ok(defined $check_value, 'add: check value');
	my $list = succeeds([ 'list', $file ], qr/^domain +purpose +version +status +primary +created +check value$/m,
		'list');
	my $time = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
	like($list, qr/^default +seal +1 +enabled +\* +$time +[0-9a-f]{16}$/m, 'add: version 1 is the primary');
	like($list, qr/^default +seal +2 +enabled +$time +\Q$check_value\E$/m, 'add: version 2 is not');
	my %check_values = map { $_ => 1 } $list =~ /([0-9a-f]{16})$/mg;
	is(scalar(keys %check_values), 3, 'list: check values differ');

	succeeds([ 'promote', $file, 'seal', 2 ],
		qr/^version 2 of seal .* is now the primary; it was version 1\nnext: reload every.*\nnext: .*CALL pii_rewrap_column/m, 'promote');
	$list = succeeds([ 'list', $file ], qr/^default +seal +1 +enabled +$time/m, 'promote: version 1 stays');
	like($list, qr/^default +seal +2 +enabled +\*/m, 'promote: version 2 is the primary');
	like($list, qr/^default +blind_index +1 +enabled +\*/m, 'promote: the other purpose is as it was');

	my $inode = (stat($file))[1];
	succeeds([ 'promote', $file, 'seal', 2 ], qr/is the primary already/, 'promote again');
	is((stat($file))[1], $inode, 'promote again: nothing is written');
	succeeds([ 'promote', $file, 'seal', 1 ], qr/it was version 2/, 'promote the old one');

	succeeds([ 'add', $file, 'blind_index' ], qr/^added version 2 of blind_index /m, 'add blind_index');
	succeeds([ 'promote', $file, 'blind_index', 2 ], qr/is now the primary.*\nnext: reload.*\nnext: then CALL pii_rewrap_column/,
		'promote blind_index');
	succeeds([ 'verify', $file ], qr/\AOK: .*4 key versions.*\n\z/, 'verify');
	is(mode_of($file), oct(600), 'the mode is still 0600');
	note_keys(slurp($file));
}

note('promote refusals, destroyed keys, custom classes');
{
	my $file = new_keyring();
	pii_keyring('add', $file, 'seal') foreach 2 .. 4;
	my $text = slurp($file);
	note_keys($text);
	$text =~ s/("2": \{\s*"status": )"enabled"/$1"disabled"/ or die;
	$text =~ s/("3": \{\s*"status": )"enabled",\s*"key": "[^"]*"/$1"destroyed"/ or die;
	$text =~ s/\}\s*\z/, "classes": [
	{"id": 1000, "name": "member_no", "normalize": "digits", "mask": {"keep_last": 3}},
	{"id": 1001, "name": "badge", "normalize": "alphanumeric", "mask": {"keep_first": 1, "keep_last": 2},
	"transforms": ["last4"]},
	{"id": 1002, "name": "hidden", "normalize": "none", "mask": {}}]}/ or die;
	spew($file, $text);
	refuses([ 'promote', $file, 'seal', 5 ], qr/there is no version 5 of seal.*\nhint: .*pii-keyring list/,
		'promote an unknown version');
	refuses([ 'promote', $file, 'seal', 2 ], qr/version 2 .* is disabled\nhint: enable it: pii-keyring enable \Q$file\E seal 2; or add/, 'promote a disabled version');
	refuses([ 'promote', $file, 'seal', 3 ], qr/version 3 .* is destroyed/, 'promote a destroyed version');
	refuses([ 'promote', $file, 'blind_index', 4 ], qr/there is no version 4 of blind_index/,
		'promote a version of the other purpose');
	refuses([ 'promote', $file, 'seal', 4, '--domain', 'crm' ], qr/no domain "crm"\nhint: .*: default$/m,
		'promote in an unknown domain');
	is_untouched($file, $text, 'refused');

	my $list = succeeds([ 'list', $file ], qr/^default +seal +2 +disabled +\S+Z +[0-9a-f]{16}$/m, 'list: disabled');
	like($list, qr/^default +seal +3 +destroyed +\S+Z +-$/m, 'list: destroyed');
	like($list, qr/^\nclass +id +normalize +mask +transforms$/m, 'list: classes');
	like($list, qr/^member_no +1000 +digits +keep_last 3 +exact$/m, 'list: keep_last');
	like($list, qr/^badge +1001 +alphanumeric +keep_first 1, keep_last 2 +exact, last4$/m, 'list: keep_first and keep_last');
	like($list, qr/^hidden +1002 +none +\*{4} +-$/m, 'list: neither');
	succeeds([ 'verify', $file ], qr/5 key versions \(3 enabled, 1 disabled, 1 destroyed\), 3 custom classes/,
		'verify counts');

	# What is not changed stays: keys, states, classes.
	succeeds([ 'promote', $file, 'seal', 4 ], qr/is now the primary/, 'promote beside others');
	my ($status, $after) = pii_keyring('list', $file);
	(my $want = $list) =~ s/^(default +seal +1 +enabled +)\* /$1  /m;
	$want =~ s/^(default +seal +4 +enabled {4})  /$1* /m;
	is($after, $want, 'promote changes nothing else');
	succeeds([ 'add', $file, 'seal' ], qr/added version 5 of seal/, 'add after a destroyed version');
	note_keys(slurp($file));

	my $full = new_keyring();
	my $last = slurp($full);
	$last =~ s/"1": \{/"65535": {/ or die;
	$last =~ s/"primary": 1/"primary": 65535/ or die;
	spew($full, $last);
	refuses([ 'add', $full, 'seal' ], qr/version 65535 of seal .* exists/, 'no number is left');
	is_untouched($full, $last, 'no number is left');
}

note('files that are refused');
{
	foreach my $case ([ oct(644), 600 ], [ oct(640), 600 ], [ oct(660), 600 ], [ oct(604), 600 ])
	{
		my ($mode, $want) = @$case;
		my $file = new_keyring();
		my $text = slurp($file);

		# To root, 0640 of a file of root's is right; a file of the server's shows the rule.
		chown($server_uid, $server_gid, $file) if $is_root;
		chmod($mode, $file) or die $!;
		foreach my $command ([ 'list', $file ], [ 'verify', $file ], [ 'add', $file, 'seal' ],
			[ 'promote', $file, 'seal', 1 ])
		{
			my $name = sprintf('%s with mode %04o', $command->[0], $mode);
			refuses($command, qr/group or world access.*\nhint: run: chmod $want \Q$file\E$/m, $name);
		}
		is_untouched($file, $text, sprintf('mode %04o', $mode));
	}

	my $file = new_keyring();
	my $text = slurp($file);
	note_keys($text);
	my ($key) = $text =~ m{"([A-Za-z0-9+/]{43}=)"};
	my $half = substr($key, 0, 22);
	my %malformed = (
		'empty' => [ '', qr/not valid JSON at byte/ ],
		'not JSON' => [ $key, qr/not valid JSON at byte/ ],
		'cut within a key' => [ substr($text, 0, index($text, $key) + 20), qr/not valid JSON at byte/ ],
		'a quote within a key' => [ $text =~ s/\Q$half\E/$half"/r, qr/not valid JSON at byte/ ],
		'a key that is too long' => [ $text =~ s/\Q$key\E/A$key/r, qr/keys\.1\.key: must be 32 bytes/ ],
		'a key that is too short' => [ $text =~ s/\Q$key\E/$half/r, qr/keys\.1\.key: must be 32 bytes/ ],
		'a key as a domain' => [ $text =~ s/"default"/"$key"/r, qr/not a domain name/ ],
		'a key as a member' => [ $text =~ s/"hash_key"/"$key"/r, qr/unknown member/ ],
		'a key as a status' => [ $text =~ s/"enabled"/"$key"/r, qr/status: must be enabled/ ],
		'a key as a time' => [ $text =~ s/"created": "[^"]*"/"created": "$key"/r, qr/created: must be a time/ ],
		'a member twice' => [ $text =~ s/"hash_key"/"hash_key": "$key", "hash_key"/r, qr/same member twice/ ],
		'a primary that is not there' => [ $text =~ s/"primary": 1/"primary": 2/r, qr/not in keys/ ],
		'a number out of range' => [ $text =~ s/"primary": 1/"primary": 1e999/r, qr/number is out of range/ ],
		'wrapped' => [ '{"pii_wrapped_keyring": 1}', qr/wrapped/ ],
		'larger than 1 MiB' => [ $text . ' ' x (1 << 20), qr/larger than 1 MiB/ ],
	);
	foreach my $name (sort keys %malformed)
	{
		my ($content, $pattern) = @{ $malformed{$name} };
		spew($file, $content);
		refuses([ 'list', $file ], $pattern, "list, $name");
		refuses([ 'verify', $file ], $pattern, "verify, $name");
		refuses([ 'add', $file, 'seal' ], $pattern, "add, $name");
		refuses([ 'promote', $file, 'seal', 1 ], $pattern, "promote, $name");
		is_untouched($file, $content, $name);
	}

	my $missing = new_directory() . '/keys.json';
	refuses([ @$_[0], $missing, @$_[ 1 .. $#$_ ] ], qr/No such file.*\nhint: .*pii-keyring init/,
		"$_->[0] of a missing file")
	  foreach (['list'], ['verify'], [ 'add', 'seal' ], [ 'promote', 'seal', 1 ]);
	is_deeply(entries($missing =~ s{/[^/]*$}{}r), [], 'a missing file is not made');

	my $place = new_directory();
	refuses([ 'verify', $place ], qr/not a regular file/, 'verify of a directory');
	mkfifo("$place/fifo", oct(600)) or die $!;
	refuses([ 'verify', "$place/fifo" ], qr/not a regular file/, 'verify of a FIFO');
	refuses([ 'add', "$place/fifo", 'seal' ], qr/not a regular file/, 'add to a FIFO');
}

note('symbolic links');
{
	my $file = new_keyring();
	my $place = new_directory();
	symlink($file, "$place/link") or die $!;
	symlink('link', "$place/link2") or die $!;
	succeeds([ 'add', "$place/link2", 'seal' ], qr/added version 2/, 'add through links');
	is(readlink("$place/link2"), 'link', 'the first link stays');
	is(readlink("$place/link"), $file, 'the second link stays');
	succeeds([ 'list', $file ], qr/^default +seal +2 /m, 'the target has the new version');
	is_deeply(entries($place), [ 'link', 'link2' ], 'nothing else beside the links');
	note_keys(slurp($file));
}

note('a failure leaves the old file');
{
	my $file = new_keyring();
	my $text = slurp($file);
	note_keys($text);
	my @no_room = ('sh', '-c', 'ulimit -f 0; exec "$0" "$@"');
	is_refusal(pii_keyring_of(\@no_room, 'add', $file, 'seal'), qr/cannot write.*unchanged\nhint: make room/,
		'add beyond the file size limit');
	is_untouched($file, $text, 'add beyond the file size limit');

	my $new = new_directory();
	is_refusal(pii_keyring_of(\@no_room, 'init', "$new/keys.json"), qr/cannot write.*\nhint: make room/,
		'init beyond the file size limit');
	is_deeply(entries($new), [], 'init beyond the file size limit: nothing is left');

	# What a killed run leaves behind is gone after the next one.
	spew($file =~ s{[^/]*$}{.pii-keyring.tmp}r, 'half a keyring');
	succeeds([ 'add', $file, 'seal' ], qr/added version 2/, 'add after a killed run');
	is_deeply(entries($file =~ s{/[^/]*$}{}r), ['keys.json'], 'add after a killed run: its rest is gone');

	# Killed at any moment: the file is whole, and the next run works.
	foreach my $try (1 .. 30)
	{
		my ($out, $err) = ('', '');
		my $run = IPC::Run::start([ $program, 'add', $file, 'seal' ], '<', \undef, '>', \$out, '2>', \$err);
		$run->signal($try % 2 ? 'KILL' : 'TERM');
		IPC::Run::finish($run);
	}
	succeeds([ 'verify', $file ], qr/\AOK/, 'verify after killed runs');
	succeeds([ 'add', $file, 'seal' ], qr/added version/, 'add after killed runs');
	is_deeply(entries($file =~ s{/[^/]*$}{}r), ['keys.json'], 'after killed runs: one file');
	note_keys(slurp($file));

	my ($status, $out, $err) = pii_keyring_of([ 'sh', '-c', 'exec "$0" "$@" >/dev/full' ], 'list', $file);
	is_refusal($status, $out, $err, qr/cannot write to standard output/, 'standard output is full');
	($status, $out, $err) = pii_keyring_of([ 'sh', '-c', 'exec "$0" "$@" >&-' ], 'add', $file, 'seal');
	is_refusal($status, $out, $err, qr/cannot write to standard output/, 'standard output is closed');
	succeeds([ 'verify', $file ], qr/\AOK/, 'verify after standard output was closed');
	note_keys(slurp($file));
}

SKIP:
{
	skip 'root may write everywhere', 10 if $is_root;
	my $file = new_keyring();
	my $text = slurp($file);
	my $place = $file =~ s{/[^/]*$}{}r;
	chmod(oct(555), $place) or die $!;
	refuses([ 'add', $file, 'seal' ], qr/Permission denied.*unchanged\nhint: .*owner of the directory/,
		'add in a directory without write permission');
	is_untouched($file, $text, 'a directory without write permission');
	refuses([ 'init', "$place/new.json" ], qr/Permission denied/,
		'init in a directory without write permission');
	chmod(oct(755), $place) or die $!;
}

SKIP:
{
	skip 'only root can mount', 1 unless $is_root;
	my $place = new_directory();
	skip 'cannot mount a tmpfs', 1
	  if system("mount -t tmpfs -o size=4k,mode=755 tmpfs '$place' 2>/dev/null") != 0;
	my $file = "$place/keys.json";
	my ($status) = pii_keyring('init', $file);
	my $text = slurp($file);
	my @result = pii_keyring('add', $file, 'seal');
	my $entries = entries($place);
	my $same = slurp($file) eq $text;
	system('umount', $place) == 0 or diag("cannot unmount $place");
	is($status, 0, 'disk full: init fits');
	is_refusal(@result, qr/No space left.*unchanged\nhint: make room/, 'disk full');
	ok($same, 'disk full: the keyring is as it was');
	is_deeply($entries, ['keys.json'], 'disk full: no other file');
}

note('one at a time');
{
	my $file = new_keyring();
	my @runs = map {
		my %run = (out => '', err => '');
		$run{harness} =
		  IPC::Run::start([ $program, 'add', $file, 'seal' ], '<', \undef, '>', \$run{out}, '2>', \$run{err});
		\%run
	} 1 .. 20;
	my %versions;
	foreach my $run (@runs)
	{
		IPC::Run::finish($run->{harness});
		note_output($run->{out}, $run->{err});
		$versions{$1} = 1 if $run->{out} =~ /added version (\d+) of seal/;
	}
	is_deeply([ sort { $a <=> $b } keys %versions ], [ 2 .. 21 ], '20 concurrent runs add 20 versions');
	my $list = succeeds([ 'list', $file ], qr/./, 'list after 20 concurrent runs');
	is(scalar(() = $list =~ /^default +seal /mg), 21, 'all of them are in the file');
	my $text = slurp($file);
	note_keys($text);

	# A run that waits says so, and reads the file only when it is its turn.
	my $place = $file =~ s{/[^/]*$}{}r;
	open(my $lock, '<', $place) or die "$place: $!";
	flock($lock, LOCK_EX) or die "$place: $!";
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ $program, 'add', $file, 'seal' ], '<', \undef, '>', \$out, '2>', \$err);
	IPC::Run::pump($run) until $err =~ /\n/;
	like($err, qr/waiting for another program that has locked directory/, 'a run that waits says so');
	is_untouched($file, $text, 'a run that waits');
	$run->signal('TERM');
	IPC::Run::finish($run);
	is_untouched($file, $text, 'a run ended while it waits');

	($out, $err) = ('', '');
	$run = IPC::Run::start([ $program, 'promote', $file, 'seal', 22 ], '<', \undef, '>', \$out, '2>', \$err);
	IPC::Run::pump($run) until $err =~ /\n/;
	$text =~ s/"21": \{/"22": {/ or die;
	spew($file, $text);
	close($lock);
	IPC::Run::finish($run);
	like($out, qr/version 22 .* is now the primary/, 'a run that waited sees what was written meanwhile');
}

SKIP:
{
	skip 'only root can give files away', 1 unless $is_root;
	foreach my $case ([ $server_uid, $server_gid, oct(600) ], [ 0, $server_gid, oct(640) ], [ 0, 0, oct(400) ])
	{
		my ($uid, $gid, $mode) = @$case;
		my $name = sprintf('root changes a file of %d:%d, mode %04o', $uid, $gid, $mode);
		my $file = new_keyring();
		chown($uid, $gid, $file) or die $!;
		chmod($mode, $file) or die $!;
		my $old = umask(oct(77));
		succeeds([ 'add', $file, 'seal' ], qr/added version 2/, "$name, add");
		umask(oct(0));
		succeeds([ 'promote', $file, 'seal', 2 ], qr/is now the primary/, "$name, promote");
		umask($old);
		my @info = stat($file);
		is_deeply([ @info[ 4, 5 ], $info[2] & oct(7777) ], [ $uid, $gid, $mode ], "$name: all three are kept");
		succeeds([ 'verify', $file ], qr/\AOK/, "$name, verify");
		note_keys(slurp($file));
	}

	my $loose = new_keyring();
	chmod(oct(644), $loose) or die $!;
	refuses([ 'add', $loose, 'seal' ], qr/owned by root.*\nhint: run: chmod 640 /, 'a file of root\'s, mode 0644');

	# As the user of the server.
	my @as_server = ('setpriv', "--reuid=$server_uid", "--regid=$server_gid", '--clear-groups');
	chmod(oct(755), $dir) or die $!;
	my ($works) = eval { pii_keyring_of(\@as_server, '--version') };
	skip 'the program cannot be run as another user', 1 unless defined $works && $works eq '0';
	my $file = new_keyring();
	my $place = $file =~ s{/[^/]*$}{}r;
	chown($server_uid, $server_gid, $place) or die $!;
	is_refusal(pii_keyring_of(\@as_server, 'list', $file), qr/Permission denied.*\nhint: run this as root/,
		'a file that only root can read');
	chown(0, $server_gid, $file) or die $!;
	chmod(oct(640), $file) or die $!;
	my $text = slurp($file);
	my ($status, $out, $err) = pii_keyring_of(\@as_server, 'verify', $file);
	is($status, 0, 'a file of root\'s, mode 0640, is read by its group');
	is_refusal(
		pii_keyring_of(\@as_server, 'add', $file, 'seal'),
		qr/cannot give the new version of .* its owner and group.*unchanged\nhint: run this as root/,
		'what would change the owner is refused');
	is_untouched($file, $text, 'what would change the owner is refused');
	chown($server_uid + 1, $server_gid, $file) or die $!;
	is_refusal(pii_keyring_of(\@as_server, 'list', $file), qr/Permission denied|must be owned by/,
		'a file of another user\'s');
	note_keys($text);
}

note('access control lists');
SKIP:
{
	skip 'no setfacl', 1 if system('command -v setfacl >/dev/null && command -v getfacl >/dev/null') != 0;
	my $place = new_directory();
	skip 'no access control lists here', 1 if system("setfacl -d -m u:1:r '$place' 2>/dev/null") != 0;
	my $file = "$place/keys.json";
	succeeds([ 'init', $file ], qr/created/, 'init below a default access control list');
	is(mode_of($file), oct(600), 'init below a default access control list: nobody else may read');
	system("setfacl -b '$file'") == 0 or die;
	succeeds([ 'add', $file, 'seal' ], qr/added version 2/, 'add below a default access control list');
	unlike(scalar(qx(getfacl -p '$file')), qr/^user:[^:]/m, 'add takes none over from the directory');
  SKIP:
	{
		skip 'a readable list needs a file of root\'s', 1 unless $is_root;
		system("setfacl -m u:$server_uid:r '$file'") == 0 or die;
		my $list = qx(getfacl -pn '$file');
		succeeds([ 'add', $file, 'seal' ], qr/added version 3/, 'add to a file with a list');
		is(scalar(qx(getfacl -pn '$file')), $list, 'add keeps the list');
	}
	note_keys(slurp($file));
}

note('no key in any output');
no_key_was_shown(50);

done_testing();
