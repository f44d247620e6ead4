# An attribute table (entity, attribute, value) of 100,000 rows and 40 attributes, three of which are declared as personal data: who
# sees and finds what, while rules are made, jobs are killed, keys rotate, and the table is dumped, restored and replicated.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use Test::More;
use WireSession;

my $node = RotatingServer->started('main', allows_streaming => 'logical', conf => "autovacuum = off\nmax_wal_size = 2GB\n");
my $scratch = $node->root_dir . '/scratch';
mkdir $scratch or die $!;
my $rows = 100_000;
# Rows 1 to 3 of 40 are the declared ones.
my $text = q{CASE i % 40 WHEN 1 THEN '987-65-' || to_char(i / 40, 'FM0000') WHEN 2 THEN 'Person' || i / 40 || '@declared.example'
	WHEN 3 THEN '+1 202 555 ' || to_char(i / 40, 'FM0000') ELSE 'Undeclared ' || i % 40 || '-' || i % 997 END};
my $attribute = q{CASE i % 40 WHEN 1 THEN 'ssn' WHEN 2 THEN 'email' WHEN 3 THEN 'phone' ELSE 'attribute_' || i % 40 END};
my $declared = $rows / 40 * 3;
$node->safe_psql('postgres', qq{
	CREATE ROLE app LOGIN; CREATE ROLE desk LOGIN; CREATE ROLE blind LOGIN;
	SELECT pii_grant('app', c, p) FROM unnest(ARRAY['text', 'ssn', 'email', 'phone']) c, unnest(ARRAY['REVEAL', 'SEARCH']) p;
	SELECT pii_grant('desk', 'text', 'REVEAL'), pii_grant('desk', 'text', 'SEARCH');
	CREATE TABLE twin AS SELECT i AS id, i / 40 AS entity, $attribute AS attribute, $text AS value FROM generate_series(1, $rows) i;
	CREATE TABLE facts (id int PRIMARY KEY, entity int, attribute text, value text);
	INSERT INTO facts SELECT * FROM twin;
	GRANT ALL ON twin, facts TO app, desk, blind});
my $before = $node->safe_psql('postgres', q{SELECT pg_relation_filenode('facts')});
$node->safe_psql('postgres', q{
	ALTER TABLE facts ALTER value TYPE pii_text USING value::pii_unsealed::pii_text;
	SELECT pii_seal_when('facts', 'value', 'attribute');
	INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'ssn'), ('facts', 'email', 'email'), ('facts', 'phone', 'phone')});
$node->gives(q{SELECT pg_relation_filenode('facts')}, $before, 'the table was not rewritten');

# Rows of facts that differ from the twin, as a role sees them.
my $differing = q{SELECT count(*) FROM facts f FULL JOIN twin t USING (id) WHERE f.value::text IS DISTINCT FROM t.value OR f.attribute <> t.attribute};
my $counts = q{SELECT count(*) FILTER (WHERE pii_is_sealed(value)), count(*) FILTER (WHERE NOT pii_is_sealed(value)) FROM facts};
my $due = q{SELECT count(*) FROM facts WHERE attribute IN ('ssn', 'email', 'phone') AND NOT pii_is_sealed(value)};
$node->gives($differing, '0', 'who may reveal all classes sees what was there', user => 'app');
$node->gives($differing, $declared, 'who may reveal class text sees the rest before anything is sealed', user => 'desk');
$node->gives(q{SELECT string_agg(DISTINCT value::text, ' ') FROM facts WHERE id IN (41, 42, 43, 44)}, '**** ***-***-0001 ***-**-0001',
	'who may reveal nothing sees masks', user => 'blind');
$node->gives($counts, "0|$rows", 'nothing is sealed yet');

# ---------------------------------------------------------------------------------------------------------------------
# The job, killed

my $job = $node->safe_psql('postgres', q{SELECT pii_start_job('seal', 'facts', 'value', 500, '1 hour')});
ok($node->poll_query_until('postgres', "SELECT rows_done >= 500 AND rows_total = $declared FROM pii_jobs WHERE job_id = $job"), 'the job has begun');
my $pid = $node->safe_psql('postgres', "SELECT pid FROM pii_jobs WHERE job_id = $job");
my $offset = $node->log_size;
kill('KILL', $pid) == 1 or die "could not kill $pid";
$node->wait_for_log(qr/all server processes terminated; reinitializing.*database system is ready/s, $offset);
$node->gives($differing, '0', 'in the middle nothing is lost', user => 'app');
$node->gives($differing, $declared, 'nor more to be seen', user => 'desk');
ok($node->poll_query_until('postgres', "SELECT pid IS NOT NULL FROM pii_jobs WHERE job_id = $job"), 'the job is back');
$node->safe_psql('postgres', "SELECT pii_stop_job($job)");
ok($node->poll_query_until('postgres', "SELECT state = 'stopped' FROM pii_jobs WHERE job_id = $job"), 'the job that came back is stopped');

# A rule that comes while another session writes: what it writes afterwards is sealed, and the job waits for what it wrote before.
my $writer = WireSession->connected($node);
$writer->run('BEGIN');
$writer->run(q{INSERT INTO facts VALUES (-1, -1, 'nickname', 'Undeclared nick 1')});
$node->safe_psql('postgres', q{INSERT INTO pii_sealed_attribute VALUES ('facts', 'nickname', 'name')});
$writer->run(q{INSERT INTO facts VALUES (-2, -1, 'nickname', 'Declared nick 2')});
$node->safe_psql('postgres', q{SELECT pii_start_job('seal', 'facts', 'value', 5000, '0')});
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'}), 'the job waits for the writer');
$node->gives(q{SELECT phase FROM pii_sealed_attribute WHERE attribute = 'nickname'}, 'sealing', 'the rule is not done');
$writer->run('COMMIT');
ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM pii_jobs WHERE job_id = $job"), 'the job is done')
  || diag($node->safe_psql('postgres', 'SELECT * FROM pii_jobs'));
$node->gives(q{SELECT id, pii_class_of(value), pii_is_sealed(value) FROM facts WHERE id < 0 ORDER BY id DESC}, "-1|name|t\n-2|name|t",
	'what was written before and after the rule is sealed');
$node->gives(q{SELECT DISTINCT phase FROM pii_sealed_attribute}, 'sealed', 'the rules are done');
$node->safe_psql('postgres', 'DELETE FROM facts WHERE id < 0');
$node->gives($counts, $declared . '|' . ($rows - $declared), 'the declared values are sealed, and no other');
$node->gives($differing, '0', 'who may reveal all classes sees what was there', user => 'app');
$node->gives($differing, $declared, 'who may not sees the rest', user => 'desk');
$node->gives(q{CALL pii_verify_column('facts', 'value')}, "$declared|0|0|0", 'every sealed value is verified, and none is missing');

# ---------------------------------------------------------------------------------------------------------------------
# At rest

$node->safe_psql('postgres', 'VACUUM FULL');
$node->safe_psql('postgres', 'DROP TABLE twin');
$node->safe_psql('postgres', 'CHECKPOINT');
my @files = files_below($node->pgdata . '/base');
my %needles = (ssn => '987-65-', email => '@declared.example', phone => '+1 202 555', nick => 'Declared nick 2', 'early nick' => 'Undeclared nick 1');
is(join("\n", search_files(\%needles, @files)), '', 'no declared value is in the files of the database');
my @found = search_files({ undeclared => 'Undeclared 7-' }, @files);
ok(@found > 0, 'the others are, as they were');
$node->safe_psql('postgres', qq{CREATE TABLE twin AS SELECT i AS id, i / 40 AS entity, $attribute AS attribute, $text AS value FROM generate_series(1, $rows) i;
	GRANT ALL ON twin TO app, desk, blind});

# ---------------------------------------------------------------------------------------------------------------------
# Search

$node->safe_psql('postgres', 'CREATE INDEX facts_by_value ON facts (attribute, pii_blind_index(value)); ANALYZE facts; ANALYZE twin');
sub uses_index
{
	my ($sql, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, $plan, $err) = $node->sql($sql, %params);
	return ok($plan =~ /Index Cond: .*attribute = .*pii_attribute_terms/, "$name uses the index") || diag("$plan$err");
}
my $by_literal = q{SELECT id FROM facts WHERE attribute = 'ssn' AND value = '987 65 0007'};
my $without = $node->safe_psql('postgres', "EXPLAIN $by_literal", extra_params => [ '-U', 'app' ]);
unlike($without, qr/pii_attribute_terms/, 'a role that may not search one of the classes goes without it');
$node->gives($by_literal, '281', 'and finds its row', user => 'app');
$node->safe_psql('postgres', q{SELECT pii_grant('app', 'name', 'SEARCH')});
uses_index("EXPLAIN $by_literal", 'a literal', user => 'app');
uses_index(q{EXPLAIN SELECT id FROM facts WHERE attribute = 'ssn' AND value = '987 65 0007'::text}, 'a literal of text', user => 'app');
uses_index(q{EXPLAIN SELECT id FROM facts WHERE attribute = 'ssn' AND value IN ('987 65 0007', '987-65-0008')}, 'IN', user => 'app');
$node->gives($by_literal, '281', 'a literal finds its row', user => 'app');
foreach my $mode (qw(force_custom_plan force_generic_plan))
{
	my $prepare = "SET plan_cache_mode = $mode; PREPARE q(text, text) AS SELECT id FROM facts WHERE attribute = \$1 AND value = \$2 ORDER BY id;";
	uses_index("$prepare EXPLAIN EXECUTE q('email', 'x')", "a parameter, $mode", user => 'app');
	$node->gives("$prepare EXECUTE q('email', 'PERSON7\@Declared.example'); EXECUTE q('attribute_7', 'Undeclared 7-7')",
		join("\n", 282, grep { $_ % 997 == 7 && $_ % 40 == 7 } 1 .. $rows), "a parameter finds its rows, $mode", user => 'app');
}
my $joined = q{FROM (VALUES ('987-65-0007'), ('987650008'), ('none')) AS v (x) JOIN facts f ON f.attribute = 'ssn' AND f.value = v.x};
uses_index("EXPLAIN SELECT f.id $joined", 'a join', user => 'app');
$node->gives("SELECT f.id $joined ORDER BY 1", "281\n321", 'a join finds its rows', user => 'app');
$node->safe_psql('postgres', q{CREATE TABLE people (id int, ssn pii_text(ssn)); INSERT INTO people VALUES (1, '987650007'), (2, '987650009'); GRANT SELECT ON people TO app});
$node->gives(q{SELECT p.id, f.id FROM people p JOIN facts f ON f.attribute = 'ssn' AND f.value = p.ssn ORDER BY 1}, "1|281\n2|361",
	'a join with a column of the class', user => 'app');
my $grouped = q{SELECT count(*), sum(n), max(n) FROM (SELECT value::text, count(*) AS n FROM %s WHERE attribute IN ('ssn', 'attribute_7', 'email') GROUP BY value) s};
$node->gives(sprintf($grouped, 'facts'), $node->safe_psql('postgres', sprintf($grouped, 'twin')), 'GROUP BY', user => 'app');
my $liked = q{SELECT count(*), min(id) FROM %s WHERE attribute = 'attribute_9' AND value::text LIKE '%%-9'};
$node->gives(sprintf($liked, 'facts'), $node->safe_psql('postgres', sprintf($liked, 'twin')), 'LIKE on what is plaintext', user => 'desk');

# By index and without: each value and some spellings of it, before a job has sealed those of attribute_9, and after.
$node->safe_psql('postgres', q{
	CREATE TABLE few (id int, attribute text, value text);
	INSERT INTO few SELECT id, attribute, value FROM twin WHERE id <= 400 AND attribute IN ('ssn', 'email', 'phone', 'attribute_9', 'attribute_10');
	INSERT INTO few SELECT -id, attribute, replace(value, '-', '') FROM few;
	ALTER TABLE few ALTER value TYPE pii_text USING value::pii_unsealed::pii_text;
	SELECT pii_seal_when('few', 'value', 'attribute');
	INSERT INTO pii_sealed_attribute SELECT 'few', attribute, class FROM pii_sealed_attribute WHERE "table" = 'facts'::regclass;
	CALL pii_seal_column('few', 'value');
	CREATE INDEX few_by_value ON few (pii_blind_index(value));
	INSERT INTO pii_sealed_attribute VALUES ('few', 'attribute_9', 'account')});
my $sought = q{SELECT DISTINCT s FROM (SELECT unnest(ARRAY[value, replace(value, '-', ''), upper(value), ' ' || value]) FROM twin WHERE id <= 400 AND attribute !~ '_[123]') AS x (s)};
my %found;
foreach my $state ('awaiting', 'sealed')
{
	$node->safe_psql('postgres', q{CALL pii_seal_column('few', 'value')}) if $state eq 'sealed';
	foreach my $scan (qw(seqscan indexscan bitmapscan))
	{
		my $settings = join ' ', map { "SET enable_$_ = " . ($_ eq $scan ? 'on;' : 'off;') } qw(seqscan indexscan bitmapscan);
		my $plan = $node->safe_psql('postgres', "$settings EXPLAIN SELECT id FROM few WHERE value = 'x'");
		ok($scan eq 'seqscan' ? $plan =~ /Seq Scan/ : $plan =~ /pii_attribute_terms/, "$state: $scan") || diag($plan);
		$found{$scan}{$state} = $node->safe_psql('postgres', qq{$settings
			DO \$\$ DECLARE wanted text; ids text; result text = '';
			BEGIN
				FOR wanted IN $sought LOOP
					EXECUTE 'SELECT string_agg(id::text, '','' ORDER BY id) FROM few WHERE value = \$1' INTO ids USING wanted;
					IF ids IS NOT NULL THEN result = result || wanted || '=' || ids || E'\\n'; END IF;
				END LOOP;
				PERFORM set_config('test.result', result, false);
			END \$\$; SELECT current_setting('test.result')});
	}
	ok(length $found{seqscan}{$state} > 1000, "$state: a sequential scan finds values");
	is($found{$_}{$state}, $found{seqscan}{$state}, "$state: $_ finds what a sequential scan finds") foreach qw(indexscan bitmapscan);
}
isnt($found{seqscan}{awaiting}, $found{seqscan}{sealed}, 'the job makes the rule of the class count');
$node->safe_psql('postgres', q{DELETE FROM pii_sealed_attribute WHERE "table" = 'few'::regclass OR attribute = 'nickname'; DROP TABLE few});

# ---------------------------------------------------------------------------------------------------------------------
# Keys

$node->safe_psql('postgres', 'DROP TABLE people');
$node->rotate('seal');
$node->rotate('blind_index');
$node->gives($by_literal, '281', 'search finds its row while keys rotate', user => 'app');
my (undef, $moved, $warnings) = $node->rewrap('facts', 'value');
is($moved, $declared, 'sealed values are moved to the new keys');
like($warnings, qr/index "facts_by_value" has plaintext under old versions.*\nHINT: .*REINDEX INDEX CONCURRENTLY facts_by_value/, 'and it says how the others are');
$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY facts_by_value');
(undef, $moved, $warnings) = $node->rewrap('facts', 'value');
is("$moved$warnings", '0', 'then there is nothing left');
$node->finish_rotation($_) foreach qw(seal blind_index);
$node->gives($by_literal, '281', 'and when it is over', user => 'app');
$node->gives(q{SELECT id FROM facts WHERE attribute = 'attribute_7' AND value = 'Undeclared 7-7' ORDER BY id}, join("\n", grep { $_ % 997 == 7 && $_ % 40 == 7 } 1 .. $rows),
	'plaintext is found, too', user => 'app');
$node->gives($differing, '0', 'after the rotation all values are as they were', user => 'app');
$node->gives($counts, $declared . '|' . ($rows - $declared), 'and sealed or not as they were');
$node->gives(q{SELECT kind, key_version, rows FROM pii_column_status('facts', 'value') ORDER BY 1}, "blind index|2|$rows\nsealed|2|$declared\nunsealed||" . ($rows - $declared),
	'pii_column_status tells so');

# ---------------------------------------------------------------------------------------------------------------------
# Dump and restore

my $shown = qr/987-65-|Undeclared \d|\@declared/;
command_ok([ 'pg_dump', '-p', $node->port, '-h', $node->host, '-T', 'twin', '-f', "$scratch/dump.sql", 'postgres' ], 'pg_dump');
my $dump = slurp_file("$scratch/dump.sql");
unlike($dump, $shown, 'the dump has neither declared values nor others');
like($dump, qr/COPY public\.pii_sealed_attribute .*\npublic\.facts\t/, 'it has the rules');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-f', "$scratch/dump.sql", 'restored' ], 'restore');
my $all = q{SELECT md5(string_agg(id || attribute || value::text, ',' ORDER BY id)) FROM facts};
my $digest = $node->safe_psql('postgres', $all);
$node->gives($all, $digest, 'the restored table has all values', dbname => 'restored');
$node->gives(q{INSERT INTO facts VALUES (-1, 1, 'ssn', '987-65-9999'), (-2, 1, 'attribute_7', 'x') RETURNING pii_is_sealed(value)}, "t\nf",
	'and the rules hold there', dbname => 'restored');
$node->gives(q{SELECT id FROM facts WHERE attribute = 'ssn' AND value = '987 65 0007'}, '281', 'search works there', dbname => 'restored');

# Data alone, into a table with its trigger: rules first, and last.
sub dumped
{
	my ($table) = @_;
	my $out = '';
	IPC::Run::run([ 'pg_dump', '-p', $node->port, '-h', $node->host, '--data-only', '-t', 'facts', '-t', 'pii_sealed_attribute', '-t', 'pii_attribute_class', 'postgres' ], '>', \$out) or die;
	my ($copy) = $out =~ /^(COPY public\.\Q$table\E .*?^\\\.$)/ms;
	return "$copy\n";
}
my %part = map { $_ => dumped($_) } qw(facts);
$part{rules} = q{INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'ssn'), ('facts', 'email', 'email'), ('facts', 'phone', 'phone');};
foreach my $order ([ 'rules', 'facts' ], [ 'facts', 'rules' ])
{
	$node->safe_psql('restored', 'DELETE FROM pii_sealed_attribute; TRUNCATE facts');
	append_to_file("$scratch/@$order.sql", join "\n", map { $part{$_} } @$order);
	command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-p', $node->port, '-h', $node->host, '-f', "$scratch/@$order.sql", 'restored' ], "restore of data: @$order");
	$node->gives($all, $digest, "@$order: all values", dbname => 'restored');
	$node->gives($counts, $declared . '|' . ($rows - $declared), "@$order: the declared ones are sealed, the others plaintext", dbname => 'restored');
	$node->gives(q{SELECT id FROM facts WHERE attribute = 'ssn' AND value = '987 65 0007'}, '281', "@$order: search", dbname => 'restored');
}

# ---------------------------------------------------------------------------------------------------------------------
# Replication

my $subscriber = PiiCluster->new('subscriber');
$subscriber->init(keyring => $node->keyring, allows_streaming => 'logical');
$subscriber->start;
$subscriber->safe_psql('postgres', q{
	CREATE EXTENSION pii;
	CREATE TABLE filler (id int); DROP TABLE filler;
	CREATE TABLE facts (id int PRIMARY KEY, entity int, attribute text, value pii_text);
	SELECT pii_seal_when('facts', 'value', 'attribute');
	INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'ssn'), ('facts', 'email', 'email'), ('facts', 'phone', 'phone');
	CREATE INDEX ON facts (attribute, pii_blind_index(value))});
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE facts');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION p");
$subscriber->wait_for_subscription_sync($node, 's');
$node->safe_psql('postgres', q{
	INSERT INTO facts VALUES (-1, 1, 'ssn', '987-65-9999'), (-2, 1, 'attribute_7', 'Undeclared new'), (-3, 1, 'attribute_8', pii_seal('DE89370400440532013000', 'iban'));
	UPDATE facts SET value = 'Undeclared changed' WHERE id = 7;
	UPDATE facts SET value = '987-65-8888' WHERE id = 1});
$node->wait_for_catchup('s');
$subscriber->gives($all, $node->safe_psql('postgres', $all), 'the subscriber has all values');
$subscriber->gives($counts, ($declared + 2) . '|' . ($rows - $declared + 1), 'sealed and plaintext as on the publisher');
$subscriber->gives(q{SELECT id FROM facts WHERE attribute = 'ssn' AND value = '987658888'}, '1', 'search on the subscriber');
$subscriber->gives(q{SET enable_seqscan = off; SELECT id FROM facts WHERE attribute = 'attribute_8' AND value = 'DE89 3704 0044 0532 0130 00'}, '-3',
	'also for a class without a rule');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');

# ---------------------------------------------------------------------------------------------------------------------
# Without keys

$node->configure('pii.keyring_file' => '');
$node->restart;
$node->fails(q{INSERT INTO facts VALUES (-9, 1, 'attribute_7', 'x')}, '55000', qr/keyring|keys/, 'without keys nothing is stored');
$node->fails(q{INSERT INTO facts VALUES (-9, 1, 'ssn', 'x')}, '55000', qr/keyring|keys/, 'nor sealed');
$node->fails(q{SELECT value FROM facts WHERE id = 7}, '55000', qr/keyring|keys/, 'nor is plaintext shown');
$node->fails(q{SELECT value FROM facts WHERE id = 1}, '55000', qr/keyring|keys/, 'nor a sealed value');
$node->gives(q{SELECT count(*) FROM facts WHERE id IN (-9)}, '0', 'there is no such row');

done_testing();
