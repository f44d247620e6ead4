# What a dump holds comes back byte for byte: values, literals in the catalog and grants. Without keys it does so only when
# told, and pii_verify_column() says later what came in damaged or forged.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
my $copy = PiiCluster->new('copy');
$copy->init(keyring => 0);
my $scratch = $node->root_dir . '/scratch';
mkdir $scratch or die $!;

# Values of two key versions, in tables of one and of both.
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN; CREATE ROLE masked LOGIN; CREATE ROLE desk LOGIN; CREATE ROLE clerk LOGIN IN ROLE desk; CREATE ROLE leaver;
	SELECT pii_grant('keeper', c, 'SEARCH') FROM unnest(ARRAY['name', 'ssn']) c;
	SELECT pii_grant('desk', 'ssn', 'REVEAL'); SELECT pii_grant('clerk', '*', 'IMPORT'); SELECT pii_grant('public', 'email', 'SEARCH');
	SELECT pii_grant('leaver', '*', 'ALL');
	SELECT pii_revoke('public', '*', 'MASK'); SELECT pii_grant('public', 'ssn', 'MASK'); SELECT pii_grant('masked', 'name', 'MASK');
	CREATE SCHEMA app AUTHORIZATION keeper;
	CREATE TYPE app.person AS (name pii_text(name), note pii_text);
	CREATE TABLE app.first (id int, name pii_text(name));
	INSERT INTO app.first SELECT i, 'First ' || i FROM generate_series(1, 50) i;
	CREATE TABLE app.people (id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name) DEFAULT 'Somebody Default', note pii_text,
		names pii_text(name)[], person app.person, name_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED UNIQUE);
	INSERT INTO app.people SELECT i, '912-31-' || 6000 + i, 'Person ' || i, repeat('note ' || i, 1 + i % 7 * 500),
		ARRAY['Array ' || i]::pii_text(name)[],
		ROW('Field ' || i, NULL)::app.person FROM generate_series(1, 250) i});
pii_keyring('add', $node->keyring, 'seal');
pii_keyring('promote', $node->keyring, 'seal', '2');
$node->restart;
$node->safe_psql('postgres', q{
	INSERT INTO app.people SELECT i, '912-31-' || 6000 + i, 'Person ' || i FROM generate_series(251, 500) i;
	INSERT INTO app.people (id, name) VALUES (501, ''), (502, 'Zoë Ünïcode 漢字'), (503, E'tab\tline\nback\\slash');
	INSERT INTO app.people (id) VALUES (504);
	CREATE TABLE app.second (id int, name pii_text(name));
	INSERT INTO app.second SELECT i, 'Second ' || i FROM generate_series(1, 50) i;
	CREATE TABLE app.mixed AS SELECT * FROM app.first UNION ALL SELECT * FROM app.second;
	CREATE MATERIALIZED VIEW app.shown AS SELECT id, ssn::text AS shown, name FROM app.people;
	ALTER TABLE app.people ADD CHECK (length(name::text) < 40);
	CREATE TABLE app.parted (id int, email pii_text(email)) PARTITION BY RANGE (id);
	CREATE TABLE app.part_1 PARTITION OF app.parted FOR VALUES FROM (0) TO (100);
	INSERT INTO app.parted SELECT i, 'mail' || i || '@example.org' FROM generate_series(1, 99) i;
	CREATE INDEX ON app.people (pii_blind_index(ssn));
	CREATE INDEX ON app.people USING gin (pii_word_index(name));
	CREATE VIEW app.literals AS SELECT '912-31-5999'::pii_text(ssn) AS ssn, 'Bare'::pii_text AS bare, name = 'Compared' AS same FROM app.people;
	CREATE FUNCTION app.named(wanted pii_text DEFAULT 'Argument') RETURNS pii_text BEGIN ATOMIC SELECT 'Atomic'::pii_text(name); END;
	ALTER TABLE app.people OWNER TO keeper;
	DROP ROLE leaver;
	GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC});

# Another server with the same keys, where the same roles have other OIDs.
$copy->configure('pii.keyring_file' => $node->keyring);
$copy->start;
$copy->safe_psql('postgres', q{CREATE ROLE other_1; CREATE ROLE other_2;
	CREATE ROLE masked LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE desk LOGIN; CREATE ROLE keeper LOGIN; GRANT desk TO clerk});

# ---------------------------------------------------------------------------------------------------------------------
# Programs

sub program
{
	my ($server, $env, @command) = @_;
	local %ENV = (%ENV, PGHOST => $server->host, PGPORT => $server->port, PGDATABASE => 'postgres', %$env);
	delete $ENV{PGAPPNAME};    # PostgreSQL::Test sets it
	my $status = IPC::Run::run(\@command, '>', \my $out, '2>', \my $err);
	$out =~ s/^\\(?:un)?restrict .*\n//mg;    # a random word, in newer versions
	return ($status, $out, $err);
}

sub dumped
{
	my ($server, $dbname, @options) = @_;
	my ($status, $out, $err) = program($server, { PGDATABASE => $dbname }, 'pg_dump', @options);
	die $err unless $status;
	return $out;
}

# Runs a dump in a new database, or the one that is there. Parameters: user, before (SQL), settings. Errors, as verbose psql has them.
sub restored
{
	my ($server, $dbname, $dump, %params) = @_;
	$server->safe_psql('postgres', "CREATE DATABASE $dbname") unless $params{into};
	write_private("$scratch/restore.sql", $dump);
	my (undef, undef, $err) = program($server,
		{ PGDATABASE => $dbname, PGUSER => $params{user} // scalar getpwuid($<), PGOPTIONS => $params{settings} // '' },
		'psql', '-Xq', '-v', 'VERBOSITY=verbose', '-f', "$scratch/restore.sql");
	$err =~ s/^.*?: (?=ERROR|WARNING|NOTICE)//mg;
	$err =~ s/^LOCATION: .*\n//mg;
	return $err;
}

# Dumps are long: says where the first difference is.
sub is_same_dump
{
	my ($got, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @expected = split /\n/, $expected;
	my ($line) = grep { ($_ // '') ne (shift(@expected) // '') } split /\n/, $got;
	return ok($got eq $expected, $name) || diag(substr $line // 'the end is missing', 0, 300);
}

my $values = q{
	SELECT md5(string_agg(concat_ws('|', id, pii_sealed(ssn), pii_sealed(name), pii_sealed(note), pii_sealed(names[1]), pii_sealed((person).name),
		name_key), ',' ORDER BY id)),
		count(pii_sealed(name)) FROM app.people
	UNION ALL SELECT md5(string_agg(concat_ws('|', id, pii_sealed(email)), ',' ORDER BY id)), count(*) FROM app.parted
	UNION ALL SELECT md5(string_agg(concat_ws('|', id, pii_sealed(name)), ',' ORDER BY id, pii_sealed(name))), count(*) FROM app.mixed
	UNION ALL SELECT md5(string_agg(concat_ws('|', id, shown, pii_sealed(name)), ',' ORDER BY id)), count(shown) FROM app.shown};

# ---------------------------------------------------------------------------------------------------------------------
# Dump, restore, dump

my $dump   = dumped($node, 'postgres');
my $sealed = $node->safe_psql('postgres', $values);
like($sealed, qr/\A\w+\|504\n\w+\|99\n\w+\|100\n\w+\|500\z/, 'there is something to dump');
like($dump, qr/pii:v1:/, 'a dump has the first key version');
like($dump, qr/pii:v2:/, 'and the second');

sub restored_by_jobs
{
	my ($format, $dbname, @steps) = @_;
	system_or_bail('rm', '-rf', "$scratch/dump");
	dumped($node, 'postgres', "-F$format", '-f', "$scratch/dump", $format eq 'directory' ? '-j2' : ());
	$copy->safe_psql('postgres', "CREATE DATABASE $dbname");
	return join '', map { (program($copy, {}, 'pg_restore', '-j2', @$_, '-d', $dbname, "$scratch/dump"))[2] } @steps;
}
my %restore = (
	plain => sub { restored($copy, $_[0], $dump) },
	inserts => sub { restored($copy, $_[0], dumped($node, 'postgres', '--inserts', '--rows-per-insert=20')) },
	'column inserts' => sub { restored($copy, $_[0], dumped($node, 'postgres', '--column-inserts')) },
	'custom, two jobs, no owners' => sub { restored_by_jobs('custom', $_[0], ['--no-owner']) },
	# An index is built as the owner of its table, who may need a privilege: the grants first.
	'directory, two jobs, in two steps' => sub { restored_by_jobs('directory', $_[0], [ '--section=pre-data', '--section=data' ],
		['--section=post-data']) });
foreach my $way (sort keys %restore)
{
	(my $dbname = $way) =~ s/\W+/_/g;
	is($restore{$way}->($dbname), '', "$way: a restore has no errors");
	my @same = $way =~ /no owners/ ? ('--no-owner') : ();
	is_same_dump(dumped($copy, $dbname, @same), @same ? dumped($node, 'postgres', @same) : $dump, "$way: dump, restore, dump is byte-identical");
	$copy->gives($values, $sealed, "$way: every sealed byte and what is computed of it is the same", dbname => $dbname);
	$copy->safe_psql('postgres', "DROP DATABASE $dbname") unless $dbname eq 'plain';
}
is_same_dump(dumped($copy, 'plain', '-n', 'app', '-U', 'masked'), dumped($node, 'postgres', '-n', 'app'),
	'who sees masks dumps the same as a superuser');
$copy->gives(q{SELECT count(*), count(*) FILTER (WHERE pii_reveal(ssn) = '912-31-' || 6000 + id) FROM app.people WHERE id <= 500},
	'500|500', 'restored values can be read', dbname => 'plain');
$copy->gives(q{SELECT id FROM app.people WHERE name = 'person 77' AND ssn = '912316077'}, '77', 'and found', dbname => 'plain');
$copy->gives(q{BEGIN; DELETE FROM app.people; INSERT INTO app.people (id) VALUES (1) RETURNING pii_reveal(name), pii_reveal(app.named()); ROLLBACK},
	'Somebody Default|Atomic', 'restored literals can be read', dbname => 'plain');

# pg_dumpall, into a server where there is nothing yet
my ($status, $all) = program($node, {}, 'pg_dumpall', '--no-role-passwords');
ok($status && $all =~ /pii:v2:/, 'pg_dumpall has the values');
$copy->safe_psql('postgres', 'DROP DATABASE plain');
is(join('', grep { !/role "\w+" already exists/ } restored($copy, 'postgres', $all, into => 1) =~ /^(ERROR.*\n)/mg), '',
	'its restore has no errors but of roles that are there');
$copy->gives($values, $sealed, 'pg_dumpall and psql keep every byte');

# ---------------------------------------------------------------------------------------------------------------------
# Grants

my $grants = 'SELECT * FROM pii_privileges ORDER BY 1, 2, 3';
my $granted = $node->safe_psql('postgres', $grants);
is($granted, "clerk|*|IMPORT|t\ndesk|ssn|REVEAL|t\nkeeper|name|SEARCH|t\nkeeper|ssn|SEARCH|t\nmasked|name|MASK|t\npublic|*|MASK|f\npublic|email|SEARCH|t\npublic|ssn|MASK|t",
	'there are grants of every kind, and none of the role that is gone');
my $oid = q{SELECT 'keeper'::regrole::oid};
isnt($copy->safe_psql('postgres', $oid), $node->safe_psql('postgres', $oid), 'roles have other OIDs in the copy');
$copy->gives($grants, $granted, 'the grants are the same, by the names of roles');
my $reads = 'SELECT ssn, name, (SELECT email FROM app.parted WHERE id = 5) FROM app.people WHERE id = 5';
$copy->gives($reads, '912-31-6005|[name]|[email]', 'they are effective: member of a role that may reveal', user => 'clerk');
$copy->gives('SELECT ssn, (SELECT email FROM app.parted WHERE id = 5) FROM app.people WHERE id = 5', '***-**-6005|[email]',
	'they are effective: what PUBLIC has and has not', user => 'masked');

# A role that was dropped elsewhere than in this database leaves a row behind, which names nobody and is not dumped.
$node->safe_psql('postgres', 'CREATE DATABASE second; CREATE ROLE visitor');
$node->safe_psql('second', q{CREATE EXTENSION pii; SELECT pii_grant('visitor', '*', 'REVEAL'); SELECT pii_grant('masked', 'ssn', 'REVEAL')});
$node->safe_psql('postgres', 'DROP ROLE visitor');
my ($rows) = dumped($node, 'second') =~ /^COPY public\.pii_privilege .*\n((?:.*\n)*?)\\\.\n/m;
is($rows, "masked\t4\tREVEAL\n", 'grants of a role that was dropped in another database are not in the dump');
is(restored($copy, 'second', dumped($node, 'second')), '', 'and its restore has no errors');
$copy->gives($grants, "masked|ssn|REVEAL|t\npublic|*|MASK|t", 'each database has its own grants', dbname => 'second');

# A server without one of the roles must not forget what was taken from PUBLIC.
(my $with_unknown_role = $dump) =~ s/^desk\t4\tREVEAL$/nobody_here\t4\tREVEAL/m;
like(restored($copy, 'unknown_role', $with_unknown_role), qr/role "nobody_here" does not exist/, 'a restore says which role is missing');
$copy->gives('SELECT name FROM app.people WHERE id = 5', '[name]', 'without a role, PUBLIC does not get MASK back', dbname => 'unknown_role',
	user => 'desk');
$copy->gives($grants, "public|*|MASK|f\npublic|email|SEARCH|t\npublic|ssn|MASK|t",
	'without a role, no other has its grants until they are given again',
	dbname => 'unknown_role');

# ---------------------------------------------------------------------------------------------------------------------
# Restores by others than superusers

my $table = dumped($node, 'postgres', '-t', 'app.people', '--no-owner', '--no-acl');
sub restored_by_keeper
{
	my ($dbname, @grants) = @_;
	$copy->safe_psql('postgres', "CREATE DATABASE $dbname");
	$copy->safe_psql($dbname, q{CREATE EXTENSION pii; CREATE SCHEMA app AUTHORIZATION keeper;
		CREATE TYPE app.person AS (name pii_text(name), note pii_text);
		SELECT pii_grant('keeper', c, 'SEARCH') FROM unnest(ARRAY['name', 'ssn']) c});
	$copy->safe_psql($dbname, "SELECT pii_grant('keeper', '$_', 'IMPORT')") foreach @grants;
	return restored($copy, $dbname, $table, into => 1, user => 'keeper');
}
my $err = restored_by_keeper('without_import');
like($err, qr/^ERROR:  42501: role "keeper" may not import values of class text\n/m, 'without IMPORT, a literal of a default is refused');
(my $no_default = $table) =~ s/ DEFAULT 'pii:[^']+'::public\.pii_text//;
$err = restored($copy, 'without_import', $no_default, into => 1, user => 'keeper');
like($err, qr/^ERROR:  42501: role "keeper" may not import values of class ssn\nHINT:  .*pii_grant\('keeper', 'ssn', 'IMPORT'\)/m,
	'without IMPORT, rows are refused, with a hint');
$copy->gives('SELECT count(*) FROM app.people', '0', 'and none is there', dbname => 'without_import');
$copy->safe_psql('without_import', 'DROP TABLE app.people');
$copy->safe_psql('without_import', q{SELECT pii_grant('keeper', 'ssn', 'IMPORT')});
like(restored($copy, 'without_import', $no_default, into => 1, user => 'keeper'),
	qr/^ERROR:  42501: role "keeper" may not import values of class name\n/m,
	'IMPORT of one class is not enough for another');
is(restored_by_keeper('with_import', qw(text name ssn)), '', 'with IMPORT, a table comes back without errors');
$copy->gives($values =~ s/\n\tUNION.*//sr, $sealed =~ s/\n.*//sr, 'with IMPORT, every sealed byte is the same', dbname => 'with_import');
$copy->gives('SELECT ssn FROM app.people WHERE id = 5', '***-**-6005', 'IMPORT does not reveal', dbname => 'with_import', user => 'keeper');

done_testing();
