# Processes that the server forks share keys and nothing random: no nonce comes twice, and whatever one seals, every
# other one reads, parallel workers included.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main', conf => "max_connections = 30\n");
my ($clients, $transactions) = (10, 100);
my $scratch = $node->root_dir;

$node->safe_psql('postgres', q{
	CREATE TABLE seen (pid int, number int, name pii_text(name), ssn pii_text(ssn));
	CREATE FUNCTION sealed_bytes(v pii_text) RETURNS bytea LANGUAGE sql AS $$
		SELECT decode(rpad(b, (length(b) + 3) / 4 * 4, '='), 'base64')
		FROM translate(split_part(pii_sealed(v), ':', 3), '-_', '+/') b $$;
	CREATE FUNCTION nonce(v pii_text) RETURNS bytea LANGUAGE sql AS $$ SELECT substr(sealed_bytes(v), 7, 24) $$});
is($node->safe_psql('postgres', q{SELECT encode(sealed_bytes(v), 'hex') FROM pii_seal('x') v, pg_sleep(0)}) =~ /\A0001 0000 0001 [0-9a-f]{82}\z/x,
	1, 'the sealed bytes are decoded');

# ---------------------------------------------------------------------------------------------------------------------
# Many clients at once: each keeps its connection, or opens one for every transaction

write_private("$scratch/mixed.sql", <<'SQL');
\set number random(1, 1000000)
INSERT INTO seen VALUES (pg_backend_pid(), :number, 'Person ' || :number, '912-' || :number), (pg_backend_pid(), :number, 'Person ' || :number, '912-' || :number);
SELECT name, ssn FROM seen OFFSET random() * 10 LIMIT 20;
SELECT 1 / (count(*) FILTER (WHERE pii_reveal(name) <> 'Person ' || number) = 0)::int FROM (SELECT * FROM seen LIMIT 20) s;
SQL
my %runs = ('simple protocol' => '-M simple', 'prepared statements' => '-M prepared', 'a connection a transaction' => '-C');
my $expected = 0;
foreach my $name (sort keys %runs)
{
	my $count = $runs{$name} eq '-C' ? $transactions / 10 : $transactions;
	$node->command_ok([ 'pgbench', '-n', '-c', $clients, '-j', '2', '-t', $count, split(/ /, $runs{$name}), '-f', "$scratch/mixed.sql",
		$node->connstr('postgres') ], "clients read and write at once: $name");
	$expected += $clients * $count * 2;
}
$node->gives('SELECT count(*) FROM seen', $expected, 'every row is there');
$node->gives('SELECT count(DISTINCT pid) >= 30 FROM seen', 't', 'many processes have sealed');
$node->gives(q{SELECT count(*) FILTER (WHERE pii_reveal(name) = 'Person ' || number AND pii_reveal(ssn) = '912-' || number) FROM seen},
	$expected, 'every row reads back what was written');
$node->safe_psql('postgres', q{CREATE TABLE nonces AS SELECT pid, 'name' AS class, nonce(name) AS nonce FROM seen
	UNION ALL SELECT pid, 'ssn', nonce(ssn) FROM seen});
my $repeated = 'SELECT count(*) - count(DISTINCT nonce) FROM';
$node->gives("$repeated nonces", '0', 'no nonce comes twice');
$node->gives("$repeated (SELECT nonce FROM nonces UNION ALL (SELECT nonce FROM nonces LIMIT 1)) s", '1',
	'a nonce that came twice would be noticed');
$node->gives(q{SELECT max(sources) FROM (SELECT count(DISTINCT (pid, class)) AS sources FROM nonces GROUP BY substr(nonce, 1, 12)) s},
	'1', 'no two processes, and no two classes, share a nonce prefix');
# The message key of a prefix is kept, and only its IV set anew: for 2^16 values, and for no more.
$node->gives(q{WITH sealed AS (SELECT nonce(pii_seal('person ' || i, 'name')) AS nonce FROM generate_series(1, 140000) i),
		prefixes AS (SELECT count(*) AS used FROM sealed GROUP BY substr(nonce, 1, 12))
	SELECT (SELECT count(DISTINCT nonce) FROM sealed), (SELECT string_agg(used::text, ' ' ORDER BY used DESC) FROM prefixes)},
	'140000|65536 65536 8928', 'a session changes its prefix after 65,536 values, and no nonce comes twice');

# ---------------------------------------------------------------------------------------------------------------------
# Parallel query

my $parallel = q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;};
my $in_workers = q{SELECT count(*) FILTER (WHERE pii_reveal(name) = 'Person ' || number) FROM seen};
my (undef, $plan) = $node->sql("$parallel EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off) $in_workers");
like($plan, qr/Workers Launched: [12]/, 'workers are launched');
like($plan, qr/Partial Aggregate.*pii_reveal\(name\).*Worker 0/s, 'workers reveal');
$node->gives("$parallel $in_workers", $expected, 'values read back in workers');
$node->gives(qq{$parallel SELECT count(*) - count(DISTINCT sealed) FROM (SELECT pii_sealed(pii_seal(number::text)) AS sealed FROM seen) s},
	'0', 'workers that seal never give the same sealed value');
$node->gives(q{SET force_parallel_mode = on; SELECT pii_reveal(name) = 'Person ' || number FROM seen LIMIT 1}, 't',
	'force_parallel_mode: values read back');
$node->gives(q{SET force_parallel_mode = on; SET pii.view = 'masked'; SELECT bool_and(name::text ~ '^P\*\*\* .*\*$') FROM seen}, 't',
	'force_parallel_mode: workers follow pii.view');

# A domain that the database, not the user, has chosen reaches the workers.
my $keyring = read_keyring($node->keyring);
make_keyring($node->keys_dir . '/hr.json', 'hr');
$keyring->{domains}{hr} = read_keyring($node->keys_dir . '/hr.json')->{domains}{hr};
write_keyring($node->keyring, $keyring);
$node->restart;
$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; CREATE DATABASE staff');
$node->safe_psql('postgres', q{ALTER DATABASE staff SET pii.domain = 'hr'});
$node->safe_psql('staff', q{CREATE EXTENSION pii; CREATE TABLE seen (number int, name pii_text(name)); GRANT ALL ON seen TO clerk;
	SELECT pii_grant('clerk', 'name', 'REVEAL');
	INSERT INTO seen SELECT i, 'Person ' || i FROM generate_series(1, 1000) i; ANALYZE seen});
(undef, $plan) = $node->sql("$parallel EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off) $in_workers", dbname => 'staff', user => 'clerk');
like($plan, qr/Workers Launched: [12]/, 'a domain of the database: workers are launched');
$node->gives("$parallel $in_workers", '1000', 'a domain of the database: values read back in workers', dbname => 'staff', user => 'clerk');
$node->fails("SET pii.domain = 'default'; $parallel $in_workers", 'XX001', qr/could not authenticate sealed value/,
	'the domain of the session reaches the workers', dbname => 'staff');

done_testing();
