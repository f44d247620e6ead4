# A dump holds sealed text, whoever makes it and whatever his view: no plaintext, and no masks that would be data lost. So
# does COPY TO, unless pii.view asks for something else.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main', allows_streaming => 1);
my $scratch = $node->root_dir . '/scratch';
mkdir $scratch or die $!;

# Every place that a value of the type can be in. What follows "Marker" tells where a leak comes from.
$node->safe_psql('postgres', q{
	CREATE ROLE revealing LOGIN; CREATE ROLE masked LOGIN; CREATE ROLE redacted LOGIN;
	CREATE ROLE masked_by_setting LOGIN; ALTER ROLE masked_by_setting SET pii.view = masked;
	CREATE ROLE plain_by_setting LOGIN; ALTER ROLE plain_by_setting SET pii.view = plain;
	CREATE ROLE parallel LOGIN; ALTER ROLE parallel SET force_parallel_mode = on; ALTER ROLE parallel SET parallel_setup_cost = 0;
	ALTER ROLE parallel SET parallel_tuple_cost = 0; ALTER ROLE parallel SET min_parallel_table_scan_size = 0;
	SELECT pii_grant(r, '*', 'REVEAL') FROM unnest(ARRAY['revealing', 'plain_by_setting', 'masked_by_setting', 'parallel']) r;
	SELECT pii_grant('revealing', '*', 'SEARCH');
	SELECT pii_revoke('public', 'secret', 'MASK');

	CREATE SCHEMA app;
	SET search_path = app, public;
	CREATE TYPE person AS (name pii_text(name), note pii_text);
	CREATE DOMAIN full_name AS pii_text(name) DEFAULT 'Marker Domain' CHECK (VALUE <> 'Marker Domaincheck');
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name) DEFAULT 'Marker Default',
		note pii_text DEFAULT 'Marker Note'::pii_text, secret pii_text(secret), names pii_text(name)[], person person,
		full_name full_name, name_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED,
		CHECK (name <> 'Marker Check'));
	CREATE INDEX ON people (pii_blind_index(ssn));
	INSERT INTO people SELECT i, '912-31-' || 6000 + i, 'Marker Name' || i, 'Marker Text' || i, 'Marker Secret' || i,
		ARRAY['Marker Array' || i, NULL]::pii_text(name)[], ROW('Marker Field' || i, 'Marker Fieldnote' || i)::person,
		'Marker Fullname' || i FROM generate_series(1, 300) i;
	INSERT INTO people (id) VALUES (1000);
	CREATE TABLE parted (id int, email pii_text(email)) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	INSERT INTO parted VALUES (1, 'Marker.Partition@example.org');
	-- Plaintext from before the column was of the type, as adoption leaves it; here by a superuser's own cast.
	CREATE TYPE public.bridge;
	CREATE FUNCTION bridge_in(cstring) RETURNS bridge LANGUAGE internal IMMUTABLE STRICT AS 'textin';
	CREATE FUNCTION bridge_out(bridge) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
	CREATE TYPE public.bridge (INPUT = bridge_in, OUTPUT = bridge_out, LIKE = text);
	CREATE CAST (text AS bridge) WITHOUT FUNCTION; CREATE CAST (bridge AS pii_text) WITHOUT FUNCTION;
	CREATE TABLE unsealed (id int, name pii_text);
	INSERT INTO unsealed SELECT i, ('Marker Unsealed' || i)::bridge::pii_text FROM generate_series(1, 20) i;
	CREATE VIEW literals AS SELECT id, '912-31-5999'::pii_text(ssn) AS ssn, 'Marker Bare'::pii_text AS bare, 'Marker Array'::pii_text = ANY (names)
		AS found FROM people WHERE name <> 'Marker View';
	CREATE MATERIALIZED VIEW kept AS SELECT id, ssn, 'Marker Kept'::pii_text(name) AS name FROM people;
	CREATE FUNCTION named(wanted pii_text DEFAULT 'Marker Argument') RETURNS pii_text
		BEGIN ATOMIC SELECT 'Marker Atomic'::pii_text(name) WHERE wanted = 'Marker Condition'; END;
	CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER changed BEFORE UPDATE ON people FOR EACH ROW WHEN (NEW.name = 'Marker Trigger') EXECUTE FUNCTION changed();
	CREATE RULE kept_out AS ON UPDATE TO parted WHERE NEW.email = 'Marker.Rule@example.org' DO INSTEAD NOTHING;
	CREATE POLICY mine ON parted USING (email <> 'Marker.Policy@example.org');
	CREATE STATISTICS both_columns (dependencies) ON id, (id % 3) FROM people;
	GRANT USAGE ON SCHEMA app TO PUBLIC;
	GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC});

# No value and no form of one that a role may be shown, as it is or as the hex digits of a bytea.
my $shown = qr/Marker|912-31-|\*\*\*|\[(?:ssn|name|text|secret|email)\]|4d61726b6572|3931322d33312d|2a2a2a/i;
# What a dump of all data has to have.
my @sealed = split /\n/, $node->safe_psql('postgres', q{
	SELECT pii_sealed(v) FROM app.people, unnest(ARRAY[ssn::pii_text, name, note, secret, names[1], (person).name, (person).note, full_name]) v
		WHERE v IS NOT NULL
	UNION ALL SELECT pii_sealed(email) FROM app.parted});
is(scalar(@sealed), 300 * 8 + 4, 'the tables hold sealed values');
$node->gives('SELECT count(*) FROM app.unsealed WHERE NOT pii_is_sealed(name)', '20', 'and some that are not sealed yet');
$node->gives('SELECT count(*) FROM app.people WHERE name::text LIKE \'Marker%\'', '301', 'who may reveal sees plaintext', user => 'revealing');
like($node->safe_psql('postgres', 'SELECT p, name, secret FROM app.people p WHERE id = 7', extra_params => [ '-U', 'masked' ]),
	qr/\(7,\*\*\*-\*\*-6007,.*\|M\*\*\* N\*\*\*\|\[secret\]/, 'who may not sees masks and redacted values');

# ---------------------------------------------------------------------------------------------------------------------
# Programs that dump

sub run_program
{
	my ($user, $env, @command) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => $user, PGDATABASE => 'postgres', %$env);
	delete $ENV{PGAPPNAME} unless exists $env->{PGAPPNAME};    # PostgreSQL::Test sets it
	my $run = IPC::Run::run(\@command, '>', \my $out, '2>', \my $err);
	return ($run, $out, $err);
}

# The whole dump as SQL, and the files as they are.
sub dumped
{
	my ($user, $env, @options) = @_;
	my $path = "$scratch/dump";
	system_or_bail('rm', '-rf', $path);
	my @to_file = grep({ /\A-F[cdt]/ } @options) ? ('-f', $path) : ();
	my $program = $options[0] =~ /\Apg_/ ? shift @options : 'pg_dump';
	my ($run, $sql, $err) = run_program($user, $env, $program, @options, @to_file);
	return ('', $err) unless $run;
	my $raw = '';
	if (@to_file)
	{
		($run, $sql, $err) = run_program($user, {}, 'pg_restore', '-f', '-', $path);
		return ('', $err) unless $run;
		$raw = join '', map { slurp_file($_) } -d $path ? files_below($path) : $path;
	}
	return ($sql . $raw, $err);
}

sub is_sealed
{
	my ($name, $user, $env, @options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($dump, $err) = dumped($user, $env, @options);
	my @leaks = $dump =~ /^(.*$shown.*)$/mg;
	my %in_dump = map { $_ => 1 } $dump =~ /pii:v1:[A-Za-z0-9_-]+/g;
	my @missing = grep { !$in_dump{$_} } @sealed;
	@missing = () if grep { $_ eq '--schema-only' } @options;
	return ok(!@leaks && !@missing && $dump ne '', "$name: sealed text alone, and all of it")
	  || diag("$err\n" . @missing . " values missing, shown:\n" . join("\n", grep { defined } @leaks[ 0 .. 4 ]));
}

my $other = { PGAPPNAME => 'something_else' };
my %ways = (
	'plain'                 => [ {},     '-Fp' ],
	'inserts'               => [ {},     '--inserts' ],
	'column inserts'        => [ {},     '--column-inserts' ],
	'rows per insert'       => [ {},     '--rows-per-insert=7' ],
	'custom'                => [ {},     '-Fc', '-Z0' ],
	'directory, two jobs'   => [ {},     '-Fd', '-Z0', '-j2' ],
	'tar'                   => [ {},     '-Ft' ],
	'serializable'          => [ {},     '--serializable-deferrable' ],
	'other name'            => [ $other, '-Fp' ],
	'other name, inserts'   => [ $other, '--inserts' ],
	'other name, jobs'      => [ $other, '-Fd', '-Z0', '-j2', '--inserts' ],
	'other name, serial.'   => [ $other, '--serializable-deferrable', '--inserts' ],
	'other name, its view'  => [ { %$other, PGOPTIONS => '-c pii.view=plain -c synchronize_seqscans=on' }, '--inserts' ],
	'other name, masks'     => [ { %$other, PGOPTIONS => '-c pii.view=masked' }, '--inserts' ],
	'other name, schema'    => [ $other, '--schema-only' ]);
foreach my $user (qw(postgres masked))
{
	is_sealed("pg_dump by $user, $_", $user, $ways{$_}[0], '-n', 'app', @{ $ways{$_} }[ 1 .. $#{ $ways{$_} } ]) foreach sort keys %ways;
}
foreach my $user (qw(revealing masked_by_setting plain_by_setting parallel))
{
	is_sealed("pg_dump by $user, $_", $user, $ways{$_}[0], '-n', 'app', @{ $ways{$_} }[ 1 .. $#{ $ways{$_} } ])
	  foreach 'inserts', 'other name', 'other name, jobs';
}
# pg_dump --snapshot, by a session that has exported its own
my $session = $node->background_psql('postgres');
my $snapshot = $session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
is_sealed('pg_dump of a snapshot', 'revealing', $other, '-n', 'app', '--inserts', "--snapshot=$snapshot");
$session->query_safe('COMMIT');
$session->quit;

# The extension as well, whose grants are in the dump.
foreach my $user (qw(postgres masked))
{
	is_sealed("pg_dump of the whole database by $user", $user, {}, '-Fp');
	is_sealed("pg_dumpall by $user", $user, {}, 'pg_dumpall', '--no-role-passwords');
	is_sealed("pg_dumpall by $user, other name, inserts", $user, $other, 'pg_dumpall', '--no-role-passwords', '--inserts');
}
my ($dump) = dumped('postgres', {}, '-Fp');
like($dump, qr/^COPY public\.pii_privilege .*\n(?:.*\n)*?revealing\t-1\tREVEAL\n/m, 'a dump has the grants, by the names of roles');
like($dump, qr/^COPY public\.pii_public_privilege .*\n15\tMASK\tf\n/m, 'a dump has what was taken from PUBLIC');

# A dump reads as the dump of a standby does.
$node->backup('backup');
my $standby = PiiCluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
foreach my $user (qw(postgres masked))
{
	is_sealed("pg_dump of a standby by $user", $user, { %$other, PGHOST => $standby->host, PGPORT => $standby->port }, '-n', 'app', '--inserts');
}
$standby->stop;

# ---------------------------------------------------------------------------------------------------------------------
# Catalogs, which nobody seals on the way out

my $in_catalogs = $node->safe_psql('postgres', q{
	SELECT 'pg_type ' || typname FROM pg_type WHERE typdefault ~ 'Marker'
	UNION ALL SELECT 'pg_proc ' || proname FROM pg_proc WHERE prosrc ~ 'Marker' OR prosqlbody ~ 'Marker'
	UNION ALL SELECT 'pg_statistic_ext_data' FROM pg_stats_ext_exprs WHERE most_common_vals::text ~ 'Marker'});
is($in_catalogs, '', 'no catalog has the text of a literal of the type');

# ---------------------------------------------------------------------------------------------------------------------
# COPY TO

# COPY to psql's output, as a user. Parameters: before, what to run first.
sub copied
{
	my ($user, $copy, $before) = @_;
	my ($run, $out, $err) = run_program($user, {}, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', $before // 'SELECT', '-c', $copy);
	diag($err) unless $run;
	return $run ? $out : 'failed';
}

my @forms = ('ssn', 'ssn::text', 'ssn::varchar', 'to_json(p)', 'p', 'format(\'%s\', ssn)', 'names', 'concat(ssn, name)', 'p::text',
	'full_name', 'person', 'json_build_object(\'k\', ssn)', 'xmlforest(ssn)', 'quote_literal(ssn::text)', 'row_to_json(p)::jsonb',
		'textin(pii_text_out(ssn))',
	'pii_text_send(ssn)', 'array_to_string(names, \',\')');
foreach my $user (qw(postgres revealing masked parallel))
{
	foreach my $format (qw(text csv binary))
	{
		my $out = copied($user, "COPY app.people TO STDOUT (FORMAT $format)");
		ok($out !~ $shown && $out =~ /pii:v1:/, "COPY of a table by $user, $format, is sealed");
		my $list = join ', ', $format eq 'binary' ? grep { !/xml/ } @forms : @forms;
		$out = copied($user, "COPY (SELECT $list FROM app.people p) TO STDOUT (FORMAT $format)");
		ok($out !~ $shown && $out =~ /pii:v1:/, "COPY of a query by $user, $format, is sealed, also in casts and functions");
	}
}
like($node->safe_psql('postgres', 'SET force_parallel_mode = on; EXPLAIN SELECT ssn::text FROM app.people', extra_params => [ '-U', 'parallel' ]),
	qr/Gather.*Workers Planned: 2/s, 'casts run in parallel workers');
my @by_parallel = split /\n/, copied('parallel', 'COPY (SELECT ssn::text FROM app.people WHERE id < 1000) TO STDOUT');
is(scalar(grep { /\Apii:v1:[\w-]+\z/ } @by_parallel), 300, 'COPY with parallel workers is sealed');

foreach my $file ("$scratch/copied.bin", "$scratch/copied.txt")
{
	my $format = $file =~ /bin/ ? 'binary' : 'text';
	copied('masked', "\\copy app.people (id, ssn, name) TO '$file' (FORMAT $format)");
	my $out = slurp_file($file);
	ok($out !~ $shown && $out =~ /pii:v1:/, "\\copy, $format, is sealed");
	$node->safe_psql('postgres', "CREATE TABLE app.again_$format (id int, ssn pii_text(ssn), name pii_text(name))");
	copied('postgres', "\\copy app.again_$format FROM '$file' (FORMAT $format)");
	$node->gives("SELECT count(*) FROM app.again_$format a JOIN app.people p ON a.id = p.id AND pii_sealed(a.ssn) = pii_sealed(p.ssn)
		AND pii_sealed(a.name) = pii_sealed(p.name)", '300', "COPY puts it back byte for byte, $format");
}

my $unsealed = copied('masked', 'COPY app.unsealed (name) TO STDOUT');
is(scalar(() = $unsealed =~ /^pii:v1:[\w-]+$/mg), 20, 'COPY seals what is not sealed yet');

my @sent = ([ 'COPY to a file', "COPY app.people TO '$scratch/server'" ],
	[ 'COPY to a program', "COPY app.people TO PROGRAM 'cat > $scratch/server'" ],
	[ 'COPY in a function', "DO \$\$ BEGIN EXECUTE 'COPY (SELECT ssn::text FROM app.people) TO ''$scratch/server'''; END \$\$" ],
	[ 'COPY of RETURNING', "COPY (UPDATE app.people SET id = id RETURNING ssn::text, person) TO '$scratch/server'" ],
	[ 'COPY from a view', "COPY (SELECT * FROM app.literals) TO '$scratch/server'" ]);
foreach my $case (@sent)
{
	$node->safe_psql('postgres', $case->[1]);
	my $out = slurp_file("$scratch/server");
	ok($out !~ $shown && $out =~ /pii:v1:/, "$case->[0] is sealed");
	unlink "$scratch/server";
}

# When pii.view says something, it holds.
my $copy = 'COPY (SELECT ssn, ssn::text FROM app.people WHERE id = 7) TO STDOUT';
my %says = (plain => '912-31-6007', masked => '***-**-6007', redacted => '[ssn]');
foreach my $view (sort keys %says)
{
	is(copied('revealing', $copy, "SET pii.view = $view"), "$says{$view}\t$says{$view}\n", "COPY with pii.view = $view says so");
}
is(copied('masked', $copy, 'SET pii.view = plain'), "***-**-6007\t***-**-6007\n", 'COPY with pii.view = plain shows no more than the role may see');
is(copied('masked_by_setting', $copy), "***-**-6007\t***-**-6007\n", 'COPY with a pii.view of the role says so');
like(copied('revealing', $copy, 'SET pii.view = sealed'), qr/\Apii:v1:[\w-]+\tpii:v1:[\w-]+\n\z/, 'COPY with pii.view = sealed is sealed');
is(copied('revealing', 'COPY (SELECT pii_reveal(ssn), pii_mask(ssn) FROM app.people WHERE id = 7) TO STDOUT'),
	"912-31-6007\t***-**-6007\n", 'COPY of pii_reveal() and pii_mask() gives what was asked for');
is(copied('parallel', 'COPY (SELECT ssn::text FROM app.people WHERE id = 7) TO STDOUT', 'SET pii.view = plain'),
	"912-31-6007\n", 'COPY with parallel workers and pii.view = plain is plain');

# It is over when COPY is.
$node->gives(q{COPY (SELECT 1) TO STDOUT; SHOW pii.view; SELECT ssn FROM app.people WHERE id = 7}, "1\nauto\n912-31-6007",
	'after COPY the session has its view again', user => 'revealing');
my ($status, $out) = $node->psql('postgres', q{
	BEGIN; SAVEPOINT s;
	COPY (SELECT ssn::text, 1 / (id - id) FROM app.people) TO STDOUT;
	ROLLBACK TO s; SHOW pii.view; SELECT ssn FROM app.people WHERE id = 7; COMMIT;
	COPY (SELECT ssn::text, 1 / (id - id) FROM app.people) TO STDOUT;
	SHOW pii.view}, extra_params => [ '-U', 'revealing' ], on_error_stop => 0);
is($out, "auto\n912-31-6007\nauto", 'after COPY that failed, too');
$node->gives(q{BEGIN; SET LOCAL pii.view = masked; COPY (SELECT ssn FROM app.people WHERE id = 7) TO STDOUT; COMMIT;
	COPY (SELECT left(ssn::text, 4) FROM app.people WHERE id = 7) TO STDOUT}, "***-**-6007\npii:", 'SET LOCAL pii.view holds for its transaction');

# The name of the application is enough, whatever the statement.
my ($run, $cells) = run_program('revealing', { PGAPPNAME => 'pg_dump' }, 'psql', '-XAtqc',
	'SELECT ssn, ssn::text, p FROM app.people p WHERE id = 7');
ok($cells !~ $shown && $cells =~ /pii:v1:/, 'an application in pii.sealed_applications sees sealed text');
($run, $cells) = run_program('revealing', { PGAPPNAME => 'etl_job' }, 'psql', '-XAtqc', 'SELECT ssn FROM app.people WHERE id = 7');
is($cells, "912-31-6007\n", 'another does not');
$node->safe_psql('postgres', q{ALTER ROLE revealing SET pii.sealed_applications = 'pg_dump, etl_job'});
($run, $cells) = run_program('revealing', { PGAPPNAME => 'etl_job' }, 'psql', '-XAtqc', 'SELECT ssn FROM app.people WHERE id = 7');
like($cells, qr/\Apii:v1:/, 'unless it is put there');
$node->fails('SET pii.sealed_applications = \'\'', '42501', qr/permission denied/, 'who sees sealed text cannot change that', user => 'revealing');

done_testing();
