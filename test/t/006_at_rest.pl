# However a value comes in, neither it nor a key is in any file that the server writes.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->new('main');
$node->init(conf => <<'CONF');
wal_level = logical
max_wal_senders = 4
max_replication_slots = 4
wal_keep_size = 2GB
max_wal_size = 4GB
temp_buffers = 800kB
work_mem = 64kB
CONF
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION pii; SELECT pg_create_logical_replication_slot('slot', 'test_decoding')});
my $pgdata  = $node->pgdata;
my $scratch = $node->root_dir . '/scratch';
mkdir $scratch or die $!;

# ---------------------------------------------------------------------------------------------------------------------
# The values to look for

my $csv_path = path_of_input('data/synthea_patients.csv', 'examples/patients.csv');
note("input: $csv_path");
my $csv = slurp_file($csv_path);
my ($header, @lines) = split /\r?\n/, $csv;
my @columns = map { lc } split /;/, $header, -1;
# No line breaks within quotes, that is all this takes for granted.
sub fields_of
{
	my $line = "$_[0];";
	my @fields;
	push @fields, defined $1 ? $1 =~ s/""/"/gr : $2 while $line =~ /\G(?:"((?:[^"]|"")*)"|([^;]*));/g;
	return @fields;
}
die 'the file needs a real CSV parser' if grep { scalar(fields_of($_)) != @columns } @lines;
my %csv_values;
foreach my $line (@lines) { $csv_values{$_} = 1 foreach grep { length >= 8 } fields_of($line); }

# One value for each way in which a value can come, in no other file of the world.
my @ways = qw(Literal Prepared PreparedText Bound BoundPrepared Function Selected Updated Defaulted Array Composite Partition
	Temporary Held Sealed JsonRecord RolledBack);
my %value_of = map { $_ => "$_ Testperson-Ümlaut-4711" } @ways;

my %class_of = (ssn => 'ssn', birthdate => 'dob', deathdate => 'dob', drivers => 'driver_license', passport => 'passport',
	first => 'name', last => 'name', maiden => 'name', address => 'address', zip => 'postcode', email => 'email',
	phone => 'phone', iban => 'iban', pan => 'pan', healthcare_expenses => 'secret');

# Lines of a file of strings; returns those found, and "string in file" for the report.
sub grep_strings
{
	my ($strings, @where) = @_;
	write_private("$scratch/strings", join('', map { "$_\n" } @$strings));
	local $ENV{LC_ALL} = 'C';
	my $found = '';
	IPC::Run::run([ 'grep', '-aroFHf', "$scratch/strings", @where ], '>', \$found, '2>', \my $ignored);
	my %hits = map { $_ => 1 } split /\n/, $found;
	my @hits = sort keys %hits;
	return @hits;
}

# What PostgreSQL itself has on disk ("Portugal (Portuguese)") cannot serve.
$node->safe_psql('postgres', 'CHECKPOINT');
my @markers = (sort keys %csv_values);
my %useless = map { /:(.*)\z/ ? ($1 => 1) : () } grep_strings(\@markers, $pgdata);
note('not used, since PostgreSQL has them itself: ' . join(', ', sort keys %useless));
@markers = grep { !$useless{$_} } @markers;
# Of two strings of which one is part of the other grep would report the longer one only.
cmp_ok(scalar(keys %useless), '<', 20, 'few values of the input are on disk before it is loaded');
cmp_ok(scalar(@markers), '>', 5 * @lines, 'the input has many values to look for');

# ---------------------------------------------------------------------------------------------------------------------
# In by every way

$node->safe_psql('postgres', 'CREATE TABLE patients (' .
	  join(', ', map { "\"$_\" pii_text(" . ($class_of{$_} // 'text') . ')' } @columns) . ');' .
	  'ALTER TABLE patients REPLICA IDENTITY FULL');
my $copy = q{(FORMAT csv, DELIMITER ';', HEADER)};
system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', "\\copy patients FROM '$csv_path' $copy");
$node->gives('SELECT count(*) FROM patients', scalar(@lines), 'COPY loaded every row');
my (undef, $copied) = $node->sql(q{SET pii.view = 'plain'; COPY patients TO STDOUT (FORMAT csv, DELIMITER ';')});
my %missing = map { $_ => 1 } @lines;
my @unexpected = grep { !delete $missing{$_} } split /\r?\n/, $copied;
is(join("\n", @unexpected, sort keys %missing), '', 'COPY gives back every row as it was given');

$node->safe_psql('postgres', qq{
	CREATE TYPE person AS (name pii_text(name), note pii_text);
	CREATE TABLE people (id int, name pii_text(name) DEFAULT '$value_of{Defaulted}', names pii_text[], person person);
	ALTER TABLE people REPLICA IDENTITY FULL;
	INSERT INTO people VALUES (1, '$value_of{Literal}');
	INSERT INTO people VALUES (2, 'Someone Else'); UPDATE people SET name = '$value_of{Updated}' WHERE id = 2;
	PREPARE direct AS INSERT INTO people VALUES (3, \$1); EXECUTE direct('$value_of{Prepared}');
	PREPARE as_text(text) AS INSERT INTO people VALUES (4, \$1); EXECUTE as_text('$value_of{PreparedText}');
	INSERT INTO people VALUES (5);
	INSERT INTO people VALUES (6, NULL, ARRAY['$value_of{Array}', 'x']::pii_text[]);
	INSERT INTO people VALUES (7, NULL, NULL, ROW('$value_of{Composite}', NULL));
	INSERT INTO people SELECT 8, pii_seal('$value_of{Selected}', 'name');
	DO \$\$ DECLARE v pii_text := '$value_of{Function}'; BEGIN INSERT INTO people VALUES (9, v); END \$\$;
	INSERT INTO people SELECT 10, name FROM json_populate_record(NULL::person, '{"name": "$value_of{JsonRecord}"}');
	INSERT INTO people SELECT 11, pii_sealed(pii_seal('$value_of{Sealed}', 'name'));
	BEGIN; INSERT INTO people VALUES (12, '$value_of{RolledBack}'); ROLLBACK;
	CREATE TABLE parted (id int, name pii_text(name)) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
	INSERT INTO parted VALUES (5, '$value_of{Partition}'), (15, '$value_of{Partition}');
	UPDATE parted SET id = 16 WHERE id = 5});
foreach my $mode (qw(extended prepared))
{
	my $value = $value_of{ $mode eq 'extended' ? 'Bound' : 'BoundPrepared' };
	write_private("$scratch/$mode.sql", "INSERT INTO people VALUES (13, :value);\n");
	$node->command_ok([ 'pgbench', '-n', '-t', '3', '-M', $mode, '-D', "value=$value", '-f', "$scratch/$mode.sql",
		$node->connstr('postgres') ], "values bound to parameters ($mode protocol)");
}

# Big values, out of line and not compressed: whole input lines, and enough of them.
$node->safe_psql('postgres', q{
	CREATE TABLE notes (id int, note pii_text);
	INSERT INTO notes SELECT row_number() OVER (), repeat(concat_ws(';', pii_reveal(first), pii_reveal(last), pii_reveal(ssn),
		pii_reveal(address)) || ' ', 300) FROM (SELECT * FROM patients LIMIT 100) p;
	CREATE TABLE notes_again AS SELECT * FROM notes;
	UPDATE notes SET note = pii_rewrap(note) WHERE id % 2 = 0;
	CREATE TABLE patients_again AS SELECT * FROM patients;
	UPDATE patients_again SET address = pii_reveal(address) || ' changed', ssn = pii_rewrap(ssn);
	CREATE MATERIALIZED VIEW patients_view AS SELECT * FROM patients});
$node->gives('SELECT min(octet_length(pii_reveal(note))) > 8192, pg_relation_size(reltoastrelid) > 1000000
	FROM notes, pg_class WHERE relname = \'notes\' GROUP BY 2', 't|t', 'big values are stored out of line');
# Plain markers of the same kind, which the search has to find.
my %control = (table => 'Control-in-a-table-0815', update => 'Control-in-an-update-0815', log => 'Control-in-the-log-0815',
	temp => 'Control-in-a-temporary-table-0815', held => 'Control-in-a-cursor-0815', catalog => 'Control-in-a-catalog-0815');
$node->safe_psql('postgres', qq{
	CREATE TABLE control (id int, word text);
	INSERT INTO control VALUES (1, '$control{table}'); INSERT INTO control VALUES (2, 'x');
	UPDATE control SET word = '$control{update}' WHERE id = 2;
	COMMENT ON TABLE control IS '$control{catalog}';
	DO \$\$ BEGIN RAISE LOG '$control{log}'; END \$\$});

# What lives as long as a session: temporary tables above temp_buffers, cursors above work_mem.
my $session = $node->background_psql('postgres');
$session->query_safe(qq{
	CREATE TEMP TABLE temporary AS SELECT * FROM patients;
	INSERT INTO temporary (last) SELECT '$value_of{Temporary}' FROM generate_series(1, 20000);
	CREATE TEMP TABLE control_temp AS SELECT '$control{temp}'::text AS word FROM generate_series(1, 20000);
	DECLARE held CURSOR WITH HOLD FOR SELECT '$value_of{Held}'::pii_text(name), i, last FROM generate_series(1, 20000) i, temporary
		WHERE temporary.first IS NOT NULL LIMIT 20000;
	DECLARE control_held CURSOR WITH HOLD FOR SELECT '$control{held}'::text FROM generate_series(1, 20000)});
$node->safe_psql('postgres', 'ANALYZE');

# Every one of these values is really there.
my (undef, $revealed) = $node->sql(q{
	SELECT pii_reveal(name) FROM people; SELECT pii_reveal(name) FROM parted; SELECT pii_reveal(names[1]) FROM people;
	SELECT pii_reveal((person).name) FROM people});
$revealed .= $session->query_safe('SELECT DISTINCT pii_reveal(last) FROM temporary') . $session->query_safe('FETCH FROM held');
foreach my $way (grep { !/RolledBack/ } @ways)
{
	like($revealed, qr/\Q$value_of{$way}\E/, "a value came in: $way");
}

# ---------------------------------------------------------------------------------------------------------------------
# The search

my %keys = keyring_keys($node->keyring);
my %needles = map { needle_forms($_, $keys{$_}) } keys %keys;
$needles{"derived from $_->[0] for class $_->[1]"} = derived_key($keys{ $_->[0] }, $_->[0] =~ /seal/ ? 1 : 2, $_->[1], 'default')
  foreach map { my $class = $_; map { [ $_, $class ] } 'default seal 1', 'default blind_index 1' } 0 .. 4, 9, 15;

sub search
{
	my ($when, $controls, @where) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @found = grep_strings([ @markers, values %value_of ], @where);
	is(join("\n", @found[ 0 .. ($#found > 9 ? 9 : $#found) ]), '', "$when: no value in any file");
	is(join("\n", search_files(\%needles, map { -d $_ ? files_below($_) : $_ } @where)), '', "$when: no key in any file");
	foreach my $name (@$controls)
	{
		ok(scalar(grep_strings([ $control{$name} ], @where)), "$when: the search finds the control marker ($name)");
	}
	return;
}

$node->safe_psql('postgres', 'CHECKPOINT');
ok(scalar(glob "$pgdata/base/pgsql_tmp/pgsql_tmp*"), 'there are temporary files');
ok(scalar(glob "$pgdata/base/*/t*_*"),               'there are temporary tables');
search('while the server runs', [qw(table update catalog temp held)], $pgdata);
search('log', ['log'], $node->logfile);
ok(scalar(grep { /pg_wal/ } grep_strings([ $control{table} ], $pgdata)), 'the search finds the control marker in the WAL');
ok(scalar(grep { /base/ } grep_strings([ $control{table} ], $pgdata)),   'the search finds the control marker in the heap');
my ($key_name) = sort keys %keys;
write_private("$scratch/with_key", 'x' x 5000 . $keys{$key_name} . "\n");
is(scalar(search_files(\%needles, "$scratch/with_key")), 1, 'the search finds a key where there is one');

# WAL as PostgreSQL reads it
opendir my $wal, "$pgdata/pg_wal" or die $!;
my ($first, @segments) = sort grep { /\A[0-9A-F]{24}\z/ } readdir $wal;
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
IPC::Run::run([ 'pg_waldump', '-p', "$pgdata/pg_wal", $first, $last ], '>', "$scratch/waldump", '2>', "$scratch/waldump.err");
cmp_ok(-s "$scratch/waldump", '>', 1_000_000, 'pg_waldump reads the WAL');
search('pg_waldump', [], "$scratch/waldump", "$scratch/waldump.err");

$session->quit;
$node->stop;
ok(-s "$pgdata/pg_stat/pgstat.stat", 'there are statistics');
search('after the server has stopped', [qw(table update catalog)], $pgdata);
search('log of the stop', ['log'], $node->logfile);

done_testing();
