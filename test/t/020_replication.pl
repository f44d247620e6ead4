# Replication carries sealed values: every byte is the same on a subscriber and a standby, and what the walsender sends has
# neither plaintext nor masks, whoever asks for it. Grants made on a primary are effective on its standby, at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PiiCluster->started('publisher', allows_streaming => 'logical', conf => "max_wal_size = 2GB\nmax_replication_slots = 20\n");
my $subscriber = PiiCluster->new('subscriber');
$subscriber->init(keyring => 0, allows_streaming => 'logical',
	conf => "max_wal_size = 2GB\nmax_logical_replication_workers = 10\nmax_worker_processes = 16\n");
my $old_keyring = $subscriber->keys_dir . '/old.json';
write_keyring($old_keyring, read_keyring($publisher->keyring));
$subscriber->configure('pii.keyring_file' => $old_keyring);
$subscriber->start;

my $shown = qr/Marker|912-31-|\*\*\*|\[(?:ssn|name|text|email)\]/;
sub is_sealed
{
	my ($out, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($out !~ $shown && $out =~ /pii:v1:/, "$name: sealed text alone") || diag(substr $out, 0, 500);
}

# ---------------------------------------------------------------------------------------------------------------------
# The initial copy

my $columns = 'id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name), note pii_text';
$publisher->safe_psql('postgres', qq{
	CREATE ROLE revealing LOGIN REPLICATION; CREATE ROLE masked LOGIN REPLICATION;
	SELECT pii_grant('revealing', '*', 'REVEAL'); ALTER ROLE revealing SET pii.view = plain; ALTER ROLE masked SET pii.view = masked;
	CREATE TYPE person AS (name pii_text(name), note pii_text);
	CREATE TABLE people ($columns);
	INSERT INTO people SELECT i, '912-31-' || 1000 + i % 9000, 'Marker Name' || i, NULL FROM generate_series(1, 100000) i;
	CREATE TABLE shapes (id int, names pii_text(name)[], person person, name pii_text(name));
	ALTER TABLE shapes REPLICA IDENTITY FULL;
	INSERT INTO shapes SELECT i, ARRAY['Marker Array' || i, NULL]::pii_text(name)[], ROW('Marker Field' || i, 'x')::person, 'Marker Full' || i
		FROM generate_series(1, 200) i;
	CREATE TABLE sent_binary ($columns); INSERT INTO sent_binary SELECT * FROM people WHERE id <= 2000;
	CREATE TABLE by_role ($columns); INSERT INTO by_role SELECT * FROM people WHERE id <= 2000;
	CREATE PUBLICATION everything FOR TABLE people, shapes;
	CREATE PUBLICATION in_binary FOR TABLE sent_binary; CREATE PUBLICATION for_role FOR TABLE by_role;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO revealing, masked;
	SELECT pg_create_logical_replication_slot(slot, 'test_decoding') FROM unnest(ARRAY['decoded', 'received']) slot;
	SELECT pg_create_logical_replication_slot(slot, 'pgoutput') FROM unnest(ARRAY['published', 'published_binary']) slot});
$subscriber->safe_psql('postgres', qq{
	CREATE ROLE filler_1; CREATE ROLE filler_2;
	CREATE EXTENSION pii;
	CREATE TYPE person AS (name pii_text(name), note pii_text);
	CREATE TABLE people ($columns, name_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED);
	CREATE UNIQUE INDEX people_name_key ON people (name_key);
	CREATE INDEX ON people (pii_blind_index(ssn));
	CREATE TABLE shapes (id int, names pii_text(name)[], person person, name pii_text(name));
	CREATE TABLE sent_binary ($columns); CREATE TABLE by_role ($columns);
	CREATE ROLE applier LOGIN SUPERUSER});

sub connect_as { my ($user) = @_; return $publisher->connstr . " dbname=postgres user=$user"; }
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '" . connect_as('masked') . "' PUBLICATION everything");
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION in_binary CONNECTION '" . connect_as('revealing') . "' PUBLICATION in_binary WITH (binary = true)");
$subscriber->safe_psql('postgres', 'SET ROLE applier; CREATE SUBSCRIPTION for_role CONNECTION \'' . connect_as('masked') . '\' PUBLICATION for_role');
my @subscriptions = qw(everything in_binary for_role);
$subscriber->wait_for_subscription_sync($publisher, $_) foreach @subscriptions;

my $cells = q{concat_ws('|', id, pii_sealed(ssn), pii_sealed(name), pii_sealed(note))};
my %digest = (
	(map { $_ => qq{SELECT md5(string_agg($cells, ',' ORDER BY id)), count(name) FROM $_} } qw(people sent_binary by_role)),
	shapes => q{SELECT md5(string_agg(concat_ws('|', id, pii_sealed(names[1]), pii_sealed((person).name), pii_sealed((person).note),
		pii_sealed(name)), ','
		ORDER BY id, pii_sealed(name))), count(name) FROM shapes});
sub same_bytes
{
	my ($table, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $expected = $publisher->safe_psql('postgres', $digest{$table});
	my ($count) = $expected =~ /\|(\d+)\z/;
	return $subscriber->gives($digest{$table}, $expected, "$name: every byte of $count rows is the same");
}
same_bytes('people', 'initial copy');
$publisher->gives('SELECT count(*) FROM people', '100000', 'initial copy: of 100,000 rows');
same_bytes('shapes', 'initial copy, arrays and row types');
same_bytes('sent_binary', 'initial copy, binary');
$subscriber->gives(q{SELECT id, ssn FROM people WHERE name = 'marker name77777'}, '77777|912-31-6777',
	'initial copy: a subscriber reads values and finds them');
like($subscriber->safe_psql('postgres', q{EXPLAIN SELECT * FROM people WHERE name = 'x'}), qr/people_name_key/, 'by its own blind index');

# ---------------------------------------------------------------------------------------------------------------------
# The stream

sub catch_up { $publisher->wait_for_catchup($_) foreach @subscriptions; return; }

# A subscription of a role that may do nothing with values but fill its table.
$subscriber->safe_psql('postgres', q{
	ALTER SUBSCRIPTION for_role DISABLE; ALTER ROLE applier NOSUPERUSER; GRANT ALL ON by_role TO applier; ALTER SUBSCRIPTION for_role ENABLE});

my $change = q{
	INSERT INTO %1$s SELECT i, '912-31-' || 1000 + i %% 9000, 'Marker Streamed' || i,
		repeat('Marker big ' || i, 1000) FROM generate_series(200001, 200200) i;
	INSERT INTO %1$s VALUES (300001, NULL, '', 'Zoë 漢字 Marker'), (300002, '', NULL, NULL);
	UPDATE %1$s SET ssn = '912-31-0001' WHERE id <= 50;
	UPDATE %1$s SET name = pii_rewrap(name) WHERE id BETWEEN 51 AND 100;
	UPDATE %1$s SET id = -id WHERE id BETWEEN 200001 AND 200020;
	UPDATE %1$s SET ssn = '912-31-0002' WHERE id BETWEEN 200021 AND 200040;
	DELETE FROM %1$s WHERE id BETWEEN 101 AND 150};
$publisher->safe_psql('postgres', sprintf $change, $_) foreach qw(people sent_binary by_role);
$publisher->safe_psql('postgres', q{
	INSERT INTO shapes SELECT 1000 + id, names, person, name FROM shapes WHERE id <= 50;
	UPDATE shapes SET name = 'Marker Changed' || id, person.name = 'Marker Changed' WHERE id <= 20;
	DELETE FROM shapes WHERE id BETWEEN 21 AND 40});
catch_up();
same_bytes('people', 'stream');
same_bytes('shapes', 'stream, arrays and row types, rows found by all their columns');
same_bytes('sent_binary', 'stream, binary');
$subscriber->gives(q{SELECT usesuper FROM pg_user WHERE usename = 'applier'}, 'f', 'one subscription is owned by no superuser');
same_bytes('by_role', 'stream, applied by a role without IMPORT');
my $sealed = $subscriber->safe_psql('postgres', 'SELECT pii_sealed(ssn) FROM by_role WHERE id = 1');
$subscriber->fails("INSERT INTO by_role VALUES (0, '$sealed')", '42501', qr/may not import/,
	'elsewhere that role has no IMPORT', user => 'applier');
$subscriber->gives(q{SELECT count(*) FROM people WHERE ssn = '912310001'}, '50', 'a subscriber finds what was updated');
$subscriber->gives(q{SELECT id FROM people WHERE name = 'Marker Streamed200100' AND length(pii_reveal(note)) > 16000}, '200100',
	'and what came in');

# FOR ALL TABLES has those of the extension in it. A role is another number elsewhere, or none.
$publisher->safe_psql('postgres', 'CREATE DATABASE whole');
$publisher->safe_psql('whole', q{
	CREATE EXTENSION pii; CREATE PUBLICATION whole FOR ALL TABLES; CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn));
	SELECT pii_grant('masked', 'ssn', 'SEARCH'), pii_revoke('public', 'name', 'MASK')});
$subscriber->safe_psql('postgres', 'CREATE DATABASE whole; CREATE ROLE masked LOGIN');
$subscriber->safe_psql('whole', q{
	CREATE EXTENSION pii; CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn)); SELECT pii_grant('masked', 'ssn', 'SEARCH'),
		pii_revoke('public', 'name', 'MASK')});
$subscriber->safe_psql('whole', "CREATE SUBSCRIPTION whole CONNECTION '" . $publisher->connstr . " dbname=whole' PUBLICATION whole WITH (binary = true)");
$subscriber->wait_for_subscription_sync($publisher, 'whole', 'whole');
$publisher->safe_psql('whole', q{SELECT pii_grant('revealing', '*', 'REVEAL'), pii_revoke('masked', '*', 'ALL'), pii_grant('public', '*', 'MASK');
	INSERT INTO people VALUES (1, '912-31-0001')});
$publisher->wait_for_catchup('whole');
$subscriber->gives('SELECT ssn FROM people', '912-31-0001', 'a publication of all tables works', dbname => 'whole');
$subscriber->gives('SELECT * FROM pii_privileges', "masked|ssn|SEARCH|t\npublic|*|MASK|t\npublic|name|MASK|f",
	'grants are not replicated: each server has its own', dbname => 'whole');
$subscriber->safe_psql('whole', 'DROP SUBSCRIPTION whole');

# ---------------------------------------------------------------------------------------------------------------------
# What the walsender sends

my $end = $publisher->lsn('flush');
my $changes = $publisher->safe_psql('postgres', q{SELECT data FROM pg_logical_slot_get_changes('decoded', NULL, NULL)});
is_sealed($changes, 'pg_logical_slot_get_changes');
like($changes, qr/table public\.shapes: UPDATE: old-key: .*name\[pii_text\]:'pii:v1:.* new-tuple: .*name\[pii_text\]:'pii:v1:/,
	'pg_logical_slot_get_changes: also of old rows');
foreach my $case ([ 'received', 'revealing' ], [ 'published', 'masked', '-o', 'proto_version=1', '-o', 'publication_names=everything' ],
	[ 'published_binary', 'revealing', '-o', 'proto_version=1', '-o', 'publication_names=in_binary', '-o', 'binary=true' ])
{
	my ($slot, $user, @options) = @$case;
	my $run = IPC::Run::run([ 'pg_recvlogical', '-d', connect_as($user), '-S', $slot, '--start', '--endpos', $end, '--no-loop', '-f', '-',
		@options ],
		'>', \my $out, '2>', \my $err);
	ok($run, "pg_recvlogical of $slot runs") || diag($err);
	is_sealed($out, "pg_recvlogical of $slot by $user");
}
# Initial copies and their like: SQL in a walsender.
foreach my $user (qw(postgres revealing masked))
{
	my $connection = $publisher->connstr('postgres') . ' replication=database' . ($user eq 'postgres' ? '' : " user=$user");
	foreach my $sql ('COPY people TO STDOUT', 'COPY (SELECT id, ssn::text, shapes FROM shapes JOIN people USING (id)) TO STDOUT',
		'SELECT ssn, ssn::text FROM people WHERE id < 9')
	{
		IPC::Run::run([ 'psql', '-XAtq', '-d', $connection, '-c', $sql ], '>', \my $out, '2>', \my $err);
		is_sealed($out, "$sql by a walsender of $user") || diag($err);
	}
}

# ---------------------------------------------------------------------------------------------------------------------
# Key versions that the subscriber does not have yet

pii_keyring('add', $publisher->keyring, 'seal');
pii_keyring('promote', $publisher->keyring, 'seal', '2');
$publisher->restart;
my $log_size = $subscriber->log_size;
$publisher->safe_psql('postgres', q{INSERT INTO people VALUES (400001, NULL, 'Marker Second')});
$subscriber->wait_for_log(qr/ERROR:  key version 2 of domain "default" is not in the keyring/, $log_size);
pass('a subscriber without the key version says which it needs');
$subscriber->gives('SELECT count(*) FROM people WHERE id = 400001', '0', 'and stores nothing meanwhile');
$subscriber->configure('pii.keyring_file' => $publisher->keyring);
$subscriber->restart;
$publisher->wait_for_catchup('everything');
$subscriber->gives('SELECT name, pii_key_version(name) FROM people WHERE id = 400001', 'Marker Second|2', 'given the keyring, it goes on');
same_bytes('people', 'after that');
unlike($subscriber->log_since(0), qr/Marker (?:Name|Streamed|Second)/, 'no value in the log of the subscriber');
$subscriber->stop;

# ---------------------------------------------------------------------------------------------------------------------
# Physical replication

$publisher->safe_psql('postgres', q{
	ALTER ROLE revealing RESET pii.view; CREATE ROLE desk LOGIN; CREATE ROLE clerk LOGIN; GRANT SELECT ON people TO desk, clerk;
		GRANT desk TO clerk;
	SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active;
	SELECT pii_grant('desk', 'ssn', 'REVEAL')});
$publisher->backup('backup');
my $standby = PiiCluster->new('standby');
$standby->init_from_backup($publisher, 'backup', has_streaming => 1);
$standby->start;
sub on_primary
{
	my ($sql) = @_;
	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup($standby, 'replay', $publisher->lsn('insert'));
	return;
}
on_primary(q{UPDATE people SET name = pii_rewrap(name) WHERE id BETWEEN 1000 AND 2000});
$standby->gives($digest{people}, $publisher->safe_psql('postgres', $digest{people}), 'a standby has every sealed byte');
$standby->gives('SELECT ssn, name FROM people WHERE id = 5007', '912-31-6007|M*** N***', 'a standby obeys grants', user => 'desk');
$standby->gives('SELECT ssn, name FROM people WHERE id = 5007', '***-**-6007|M*** N***', 'also what is not granted', user => 'masked');
$standby->fails(q{SELECT pii_grant('masked', '*', 'REVEAL')}, '25006', qr/read-only transaction/, 'a standby grants nothing by itself');

# A session that was there before, between statements and within a transaction.
my $session = $standby->background_psql('postgres', extra_params => [ '-U', 'clerk' ]);
my $read = 'SELECT ssn FROM people WHERE id = 5007';
is($session->query_safe($read), '912-31-6007', 'an open session on the standby reads plaintext');
on_primary(q{SELECT pii_revoke('desk', 'ssn', 'REVEAL')});
is($session->query_safe($read), '***-**-6007', 'pii_revoke on the primary is effective there after replay');
on_primary(q{SELECT pii_grant('clerk', 'ssn', 'REVEAL')});
is($session->query_safe($read), '912-31-6007', 'and pii_grant');
$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($session->query_safe($read), '912-31-6007', 'an open transaction on the standby reads plaintext');
on_primary(q{SELECT pii_revoke('clerk', 'ssn', 'REVEAL')});
is($session->query_safe($read), '***-**-6007', 'pii_revoke on the primary is effective within it');
on_primary(q{SELECT pii_grant('desk', 'ssn', 'REVEAL')});
is($session->query_safe($read), '912-31-6007', 'and a grant to a role that it is a member of');
on_primary(q{REVOKE desk FROM clerk});
is($session->query_safe($read), '***-**-6007', 'and REVOKE of that role');
on_primary(q{SELECT pii_revoke('public', '*', 'MASK')});
is($session->query_safe($read), '[ssn]', 'and of MASK from PUBLIC');
$session->query_safe('COMMIT');
$session->quit;

done_testing();
