# What a server writes it can read after every way to stop, and after a crash it still has its keys.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main', conf => "checkpoint_timeout = 1h\nautovacuum = off\n");

$node->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY, name pii_text(name), ssn pii_text(ssn), note pii_text);
	INSERT INTO people
	SELECT i, 'Jane Doe ' || i, '123-45-' || to_char(i, 'FM0000'), repeat('note ', i * 20) FROM generate_series(1, 200) i;
	CHECKPOINT});
my $digest = q{SELECT md5(string_agg(concat_ws('|', pii_reveal(name), pii_reveal(ssn), pii_reveal(note)), ',' ORDER BY id))
	FROM people WHERE id <= 200};
my $before = $node->safe_psql('postgres', $digest);
is($before, $node->safe_psql('postgres', q{
	SELECT md5(string_agg(concat_ws('|', 'Jane Doe ' || i, '123-45-' || to_char(i, 'FM0000'), repeat('note ', i * 20)),
		',' ORDER BY i)) FROM generate_series(1, 200) i}), 'what was sealed is what is revealed');

# Restart

my $loaded_at = $node->loaded_at;
$node->restart;
$node->gives($digest, $before, 'a restart keeps every value readable');
isnt($node->loaded_at, $loaded_at, 'a restart reads the keyring anew');

# Crash of one backend. What is in the WAL alone must survive, what was not committed must not.

sub crash
{
	my ($name, %options) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	unless ($options{locked})
	{
		$session->query_safe(q{BEGIN; INSERT INTO people VALUES (-1, 'Never Was', '000-00-0000')});
		is($session->query_safe('SELECT pii_reveal(ssn) FROM people WHERE id = -1'), '000-00-0000',
			"$name: the backend to be killed holds keys");
	}
	my $offset = $node->log_size;
	kill('KILL', $pid) == 1 or die "could not kill $pid";
	$node->wait_for_log(qr/all server processes terminated; reinitializing.*database system is ready/s, $offset);
	$session->{run}->finish;
	return $offset;
}

$loaded_at = $node->loaded_at;
$node->safe_psql('postgres', q{INSERT INTO people SELECT i, 'After Checkpoint', '999-00-' || to_char(i, 'FM0000')
	FROM generate_series(201, 300) i});
pii_keyring('add', $node->keyring, 'seal');
my $offset = crash('kill -9');
like($node->log_since($offset), qr/redo starts at/, 'the crash left WAL to replay');
like($node->log_since($offset), qr/pii: keys kept over the restart after a crash/, 'a crash-restart says that it keeps the keys');
is($node->loaded_at, $loaded_at, 'a crash-restart does not read the keyring');
$node->gives(q{SELECT string_agg(key_version || ' ' || is_primary, ', ' ORDER BY key_version) FROM pii_keyring
	WHERE purpose = 'seal'}, '1 true', 'a crash-restart does not bring in what the keyring file says now');
$node->gives($digest, $before, 'a crash-restart keeps every value readable');
$node->gives(q{SELECT count(*), count(DISTINCT pii_reveal(ssn)), max(pii_reveal(name)) FROM people
	WHERE id BETWEEN 201 AND 300}, '100|100|After Checkpoint', 'values that were in the WAL alone are readable');
$node->gives('SELECT count(*) FROM people WHERE id = -1', '0', 'what was not committed is gone');
$node->gives(q{INSERT INTO people VALUES (301, 'After Crash', '999-00-0301'); SELECT name, ssn FROM people WHERE id = 301},
	'After Crash|999-00-0301', 'new values can be sealed after a crash-restart');

# A provider that is down when a process crashes must not lock the data; a restart that finds none must.

rename $node->keyring, $node->keyring . '.away' or die $!;
crash('keyring gone');
$node->gives($digest, $before, 'a crash-restart while the keyring is gone keeps every value readable');
$offset = $node->log_size;
$node->restart;
like($node->log_since($offset), qr/keyring refused.*cannot open it: No such file or directory/s,
	'a restart without a keyring file says so in the log');
$node->fails('SELECT name FROM people WHERE id = 1', '55000', qr/personal data is locked/,
	'after a restart without a keyring file, values are locked');
$node->gives('SELECT count(*) FROM people', '301', 'after a restart without a keyring file, rows can be counted');

# A crash of a server without keys reads the keyring, for there is nothing to keep.

rename $node->keyring . '.away', $node->keyring or die $!;
$offset = crash('keyring back', locked => 1);
like($node->log_since($offset), qr/pii: keyring loaded, keys: 3, domains: 1/, 'a crash of a locked server reads the keyring');
$node->gives($digest, $before, 'the keyring file back, values are readable again');

# Immediate stop: no shutdown checkpoint.

$node->safe_psql('postgres', q{INSERT INTO people VALUES (302, 'Before Stop', '999-00-0302')});
$offset = $node->log_size;
$node->stop('immediate');
$node->start;
like($node->log_since($offset), qr/redo starts at/, 'the immediate stop left WAL to replay');
$node->gives($digest, $before, 'an immediate stop keeps every value readable');
$node->gives('SELECT name, ssn FROM people WHERE id = 302', 'Before Stop|999-00-0302',
	'values sealed just before an immediate stop are readable');

done_testing();
