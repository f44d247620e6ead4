# Foreign tables of postgres_fdw carry sealed text between servers of the same keyring: rows arrive as the same bytes,
# whatever the remote role may see, and are read as the local role may.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $remote = PiiCluster->started('remote');
my $local  = PiiCluster->new('local');
$local->init(keyring => 0);
$local->configure('pii.keyring_file' => $remote->keyring);
$local->start;
plan skip_all => 'postgres_fdw is not installed'
  if $local->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';

$remote->safe_psql('postgres', q{
	CREATE ROLE remote_revealing LOGIN; CREATE ROLE remote_masked LOGIN; ALTER ROLE remote_revealing SET pii.view = plain;
	SELECT pii_grant('remote_revealing', '*', 'REVEAL');
	CREATE SCHEMA app;
	CREATE TABLE app.people (id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name) DEFAULT 'Marker Default', names pii_text(name)[]);
	INSERT INTO app.people SELECT i, '912-31-' || 6000 + i, 'Marker Name' || i,
		ARRAY['Marker Array' || i]::pii_text(name)[] FROM generate_series(1, 500) i;
	GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT ALL ON app.people TO PUBLIC});
# Who reads here is somebody else there: the two see the opposite.
my ($host, $port) = ($remote->host, $remote->port);
$local->safe_psql('postgres', qq{
	CREATE EXTENSION pii; CREATE EXTENSION postgres_fdw;
	CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE ROLE revealing LOGIN; CREATE ROLE masked LOGIN; CREATE ROLE no_import LOGIN;
	SELECT pii_grant('revealing', '*', 'REVEAL'), pii_grant('revealing', '*', 'SEARCH'), pii_grant('revealing', '*', 'IMPORT');
	SELECT pii_grant('masked', '*', 'IMPORT'), pii_grant('masked', 'ssn', 'SEARCH'), pii_grant('no_import', '*', 'REVEAL');
	CREATE USER MAPPING FOR revealing SERVER remote OPTIONS (user 'remote_masked', password_required 'false');
	CREATE USER MAPPING FOR masked SERVER remote OPTIONS (user 'remote_revealing', password_required 'false');
	CREATE USER MAPPING FOR no_import SERVER remote OPTIONS (user 'remote_masked', password_required 'false');
	CREATE USER MAPPING FOR CURRENT_USER SERVER remote OPTIONS (user 'remote_masked');
	CREATE SCHEMA app;
	IMPORT FOREIGN SCHEMA app FROM SERVER remote INTO app OPTIONS (import_default 'true');
	GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT ALL ON app.people TO PUBLIC});

my $digest = q{SELECT md5(string_agg(concat_ws('|', id, pii_sealed(ssn), pii_sealed(name), pii_sealed(names[1])), ',' ORDER BY id)),
	count(*) FROM app.people};
my $sealed = $remote->safe_psql('postgres', $digest);
like($sealed, qr/\|500\z/, 'there are rows');
$local->gives(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'app.people'::regclass AND attname = 'ssn'},
	'pii_text(ssn)',
	'IMPORT FOREIGN SCHEMA keeps the class');
like($local->safe_psql('postgres', q{SET pii.view = sealed;
	SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'app.people'::regclass}),
	qr/\A'pii:v1:[\w-]+'::/, 'IMPORT FOREIGN SCHEMA brings defaults');
$local->gives(q{SELECT pii_reveal(d) FROM (SELECT substring(pg_get_expr(adbin, adrelid) FROM '''(.*)''::')::pii_text AS d FROM pg_attrdef
	WHERE adrelid = 'app.people'::regclass) AS t}, 'Marker Default', 'and not as a mask');

my $read = 'SELECT ssn, name, names FROM app.people WHERE id = 7';
(my $copied = $remote->safe_psql('postgres', q{SELECT pii_sealed(ssn), pii_sealed(name),
	'{' || pii_sealed(names[1]) || '}' FROM app.people WHERE id = 7})) =~ tr/|/\t/;
my %reads = (revealing => '912-31-6007|Marker Name7|{"Marker Array7"}', masked => '***-**-6007|M*** N***|{"M*** A***"}');
sub carries_sealed
{
	my ($how, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = $params{before} ? "$params{before};" : '';
	$local->gives("$before $digest", $sealed, "$how: every sealed byte is the same");
	foreach my $user (sort keys %reads)
	{
		$local->gives("$before $digest", $sealed, "$how: the same bytes for $user", user => $user);
		$local->gives("$before $read", $reads{$user}, "$how: a role reads as it may here: $user", user => $user);
		$local->gives("$before COPY ($read) TO STDOUT", $copied, "$how: COPY is sealed: $user", user => $user);
	}
	return $local->fails("$before $read", '42501', qr/role "no_import" may not import values of class ssn/, "$how: without IMPORT",
		user => 'no_import');
}
carries_sealed('postgres_fdw');

# Under another name it is the same.
$local->safe_psql('postgres', q{ALTER SERVER remote OPTIONS (ADD application_name 'reporting')});
carries_sealed('application_name of the server');
$local->safe_psql('postgres', q{ALTER SERVER remote OPTIONS (DROP application_name); ALTER SYSTEM SET postgres_fdw.application_name = '%a:%u'});
$local->restart;
carries_sealed('postgres_fdw.application_name');
$local->safe_psql('postgres', 'ALTER SYSTEM RESET postgres_fdw.application_name');
$local->restart;
carries_sealed('cursor of several fetches', before => q{SET client_min_messages = warning}) if $local->safe_psql('postgres',
	q{ALTER SERVER remote OPTIONS (ADD fetch_size '50')}) eq '';

# Search: the condition is checked here, with the privileges that one has here. `extensions` changes nothing.
foreach my $option ('ADD extensions \'pii\'', 'DROP extensions')
{
	$local->safe_psql('postgres', "ALTER SERVER remote OPTIONS ($option)");
	$local->gives(q{SELECT id FROM app.people WHERE ssn = '912316007'}, '7', "search by who may reveal ($option)", user => 'revealing');
	$local->gives(q{SELECT id FROM app.people WHERE ssn = '912316007'}, '7', "search by who may search only ($option)", user => 'masked');
	$local->fails(q{SELECT id FROM app.people WHERE name = 'Marker Name7'}, '42501', qr/may not search/, "search without SEARCH ($option)",
		user => 'masked');
	my $plan = $local->safe_psql('postgres', q{EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM app.people WHERE ssn = '912316007'},
		extra_params => [ '-U', 'masked' ]);
	like($plan, qr/Filter: .*ssn = '\*{4}'/, "a plan has no plaintext for who may not reveal ($option)");
	like($plan, qr/Remote SQL: SELECT id, ssn FROM app\.people$/m, "the value that is searched for is not sent ($option)");
}

# Writing. What is sent is what the local role sees, so a mask is refused there and nothing is lost.
$local->succeeds(q{INSERT INTO app.people (id, ssn, name) VALUES (1001, '912-31-7001', 'Marker Written')}, 'INSERT by who may reveal',
	user => 'revealing');
$remote->gives('SELECT ssn, name FROM app.people WHERE id = 1001', '912-31-7001|Marker Written', 'arrives');
$local->fails(q{INSERT INTO app.people (id, ssn, name) VALUES (1002, '912-31-7002', 'Marker Written')}, '22023',
	qr/a masked value cannot be stored/,
	'INSERT by who sees masks is an error', user => 'masked');
$local->fails(q{UPDATE app.people SET ssn = '912-31-7003' WHERE id = 7}, '22023', qr/a masked value cannot be stored/, 'so is UPDATE',
	user => 'masked');
$remote->gives('SELECT ssn, name FROM app.people WHERE id IN (7, 1002)', '912-31-6007|Marker Name7', 'and changes nothing');
$remote->safe_psql('postgres', q{SELECT pii_grant('remote_revealing', '*', 'IMPORT')});
$local->succeeds(q{SET pii.view = sealed; INSERT INTO app.people (id, ssn, name) VALUES (1003, '912-31-7003', 'Marker Sealed')},
	'INSERT in the sealed view, where the remote role has IMPORT', user => 'masked');
$remote->gives('SELECT ssn, name FROM app.people WHERE id = 1003', '912-31-7003|Marker Sealed', 'arrives');
$local->succeeds(q{DELETE FROM app.people WHERE id > 1000}, 'DELETE', user => 'masked');
$local->gives($digest, $sealed, 'after that, every sealed byte is the same');
unlike($remote->log_since(0) . $local->log_since(0), qr/Marker (?:Name|Written|Sealed)|912-31-7|912316007/, 'no value in the logs');

done_testing();
