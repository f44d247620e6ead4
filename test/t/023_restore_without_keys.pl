# A restore into a server that lacks a key says which. With pii.accept_unverified it stores what it cannot check, and
# pii_verify_column() tells, once the key is there, what was damaged or forged meanwhile.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
$node->safe_psql('postgres', q{
	CREATE TABLE first (id int, name pii_text(name));
	INSERT INTO first SELECT i, 'First ' || i FROM generate_series(1, 30) i});
my $old_keyring = $node->keys_dir . '/old.json';
write_keyring($old_keyring, read_keyring($node->keyring));
pii_keyring('add', $node->keyring, 'seal');
pii_keyring('promote', $node->keyring, 'seal', '2');
$node->restart;
$node->safe_psql('postgres', q{
	CREATE TABLE second (id int, name pii_text(name));
	INSERT INTO second SELECT i, 'Second ' || i FROM generate_series(31, 50) i;
	INSERT INTO second VALUES (51, NULL);
	CREATE TABLE mixed AS SELECT * FROM first UNION ALL SELECT * FROM second;
	CREATE TABLE ssns (id int, ssn pii_text(ssn));
	INSERT INTO ssns VALUES (1, '912-31-6001');
	CREATE TABLE emails (id int, email pii_text(email));
	INSERT INTO emails VALUES (1, 'marker@example.org');
	CREATE TABLE no_class (id int, value pii_text);
	INSERT INTO no_class SELECT 1, pii_seal('912-31-6002', 'ssn');
	CREATE TABLE defaults (id int, name pii_text(name) DEFAULT 'Default Name');
	CREATE VIEW literal AS SELECT 'Literal Name'::pii_text(name) AS name;
	CREATE TABLE parted (id int, name pii_text(name)) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
	CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
	INSERT INTO parted SELECT i, 'Part ' || i FROM generate_series(1, 19) i});

# Where it is restored to. The keyring is another one each time.
my $other = PiiCluster->new('other');
$other->init(keyring => 0);
$other->start;
my $scratch = $other->root_dir . '/scratch';
mkdir $scratch or die $!;

sub dumped
{
	my ($server, $dbname, @options) = @_;
	local %ENV = (%ENV, PGHOST => $server->host, PGPORT => $server->port, PGDATABASE => $dbname);
	delete $ENV{PGAPPNAME};    # PostgreSQL::Test sets it
	my $status = IPC::Run::run([ 'pg_dump', @options ], '>', \my $out, '2>', \my $err);
	die $err unless $status;
	return $out =~ s/^\\(?:un)?restrict .*\n//mgr;
}

# Runs a dump in a new database. Parameters: accept, user. Gives its errors.
sub restored
{
	my ($dbname, $dump, %params) = @_;
	$other->safe_psql('postgres', "DROP DATABASE IF EXISTS $dbname");
	$other->safe_psql('postgres', "CREATE DATABASE $dbname");
	$other->safe_psql($dbname, 'CREATE EXTENSION pii') unless $dump =~ /CREATE EXTENSION/;
	write_private("$scratch/restore.sql", $dump);
	local %ENV = (%ENV, PGHOST => $other->host, PGPORT => $other->port, PGDATABASE => $dbname,
		PGOPTIONS => $params{accept} ? '-c pii.accept_unverified=on' : '');
	IPC::Run::run([ 'psql', '-Xq', '-v', 'VERBOSITY=verbose', '-f', "$scratch/restore.sql" ], '>', \my $out, '2>', \my $err);
	$err =~ s/^.*?: (?=ERROR|WARNING|NOTICE)//mg;
	$err =~ s/^LOCATION: .*\n//mg;
	return $err;
}

sub with_keyring
{
	my ($path) = @_;
	$other->configure('pii.keyring_file' => $path);
	$other->restart;
	return;
}

# Changes one byte of the ciphertext of the n-th sealed value of a dump.
sub forge
{
	my ($dump, $n) = @_;
	my $seen = 0;
	$dump =~ s{(pii:v\d+:[\w-]+)}{
		my $text = $1;
		if (++$seen == $n)
		{
			my $bytes = sealed_bytes($text);
			substr($bytes, 31, 1) ^= "\x01";
			$text = sealed_text($bytes);
		}
		$text}ge;
	return $dump;
}

# CALL pii_verify_column(): its numbers, and its warnings.
sub verified
{
	my ($dbname, $table, $column) = @_;
	my (undef, $out, $err) = $other->sql("CALL pii_verify_column('$table', '$column')", dbname => $dbname);
	my @warnings = $err =~ /WARNING:  01000: (.*(?:\nDETAIL: .*)?)/g;
	return join "\n", $out, @warnings;
}

my $whole  = dumped($node, 'postgres');
my $sealed = 'SELECT md5(string_agg(id || pii_sealed(name), \',\' ORDER BY id)) FROM ';
my %dump   = map { $_ => dumped($node, 'postgres', '-t', $_) } qw(first second mixed ssns emails no_class defaults);
like($dump{first},  qr/\tpii:v1:/, 'there are values of the first version to restore');
like($dump{second}, qr/\tpii:v2:/, 'and of the second');

# ---------------------------------------------------------------------------------------------------------------------
# No keyring at all

my $first_missing = qr/\AERROR:  55000: key version 1 of domain "default" is needed, and no keyring is loaded\nDETAIL:  Sealed text of class name .*\nHINT:  .*accept_unverified/;
like(restored('locked', $dump{first}), $first_missing, 'no keyring: the error names the key version');
$other->gives('SELECT count(*) FROM first', '0', 'no keyring: nothing is stored', dbname => 'locked');
like(restored('locked', $dump{second}), qr/\AERROR:  55000: key version 2 of domain "default" is needed/, 'no keyring: whichever version it is');
like(restored('locked', $dump{defaults}), qr/\AERROR:  55000: key version 2 (?:.*\n)*?DETAIL:  Sealed text of class text/,
	'no keyring: also of a literal in the catalog');
is(restored('locked', $whole, accept => 1), '', 'no keyring, pii.accept_unverified: a whole dump comes in without errors');
is(dumped($other, 'locked'), $whole, 'no keyring, pii.accept_unverified: every byte is the same');
$other->fails('SELECT name FROM first', '55000', qr/no keyring is loaded/, 'no keyring, pii.accept_unverified: values cannot be read',
	dbname => 'locked');
$other->fails(q{SET pii.accept_unverified = on; INSERT INTO first VALUES (1, 'Plain Name')}, '55000', qr/no keyring is loaded/,
	'no keyring, pii.accept_unverified: plaintext is not stored', dbname => 'locked');
$other->fails(q{CALL pii_verify_column('first', 'name')}, '55000', qr/no keyring is loaded/, 'no keyring: nothing can be verified',
	dbname => 'locked');

# A blind index wants the key. An index can be made later; a generated column cannot.
$node->safe_psql('postgres', q{
	CREATE TABLE indexed AS SELECT * FROM first; CREATE INDEX indexed_name ON indexed (pii_blind_index(name));
	CREATE TABLE generated (name pii_text(name), key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED);
	INSERT INTO generated VALUES ('Generated')});
like(restored('indexed', dumped($node, 'postgres', '-t', 'indexed', '-t', 'generated'), accept => 1),
	qr/\AERROR:  55000: personal data is locked.*\n(?:(?!ERROR).*\n)*ERROR:  55000: personal data is locked(?:(?!ERROR).)*\z/s,
	'no keyring, pii.accept_unverified: an index and a generated column are errors');
$other->gives('SELECT count(*), (SELECT count(*) FROM generated) FROM indexed', '30|0', 'the rows of the indexed table are there',
	dbname => 'indexed');

# Only for superusers, and only for sealed text of the right class.
$other->safe_psql('locked', q{CREATE ROLE importer LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO importer;
	SELECT pii_grant('importer', '*', 'IMPORT')});
$other->fails('SET pii.accept_unverified = on', '42501', qr/permission denied/, 'pii.accept_unverified is for superusers', dbname => 'locked',
	user => 'importer');
my ($email) = $dump{emails} =~ /(pii:v2:[\w-]+)/;
my $set = 'SET pii.accept_unverified = on;';
$other->fails("$set COPY ssns FROM STDIN;\n2\t$email\n\\.\n", '55000', qr/key version 2 .* is needed/,
	'no keyring, pii.accept_unverified: a value of another class is refused', dbname => 'locked');
$other->fails("$set INSERT INTO ssns VALUES (2, '$email')", '55000', qr/no keyring is loaded/, 'also as a literal', dbname => 'locked');
$other->fails("$set INSERT INTO ssns SELECT 2, email FROM emails", '55000', qr/no keyring is loaded/, 'also from another column',
	dbname => 'locked');
$other->fails("$set INSERT INTO emails VALUES (2, '" . substr($email, 0, 40) . "')", '22P02', qr/malformed sealed text/,
	'no keyring, pii.accept_unverified: malformed sealed text is refused', dbname => 'locked');
my $reserved = sealed_bytes($email);
substr($reserved, 1, 1) = "\x81";
$other->fails("$set INSERT INTO emails VALUES (2, '" . sealed_text($reserved) . "')", '22P02', qr/sealed text/,
	'no keyring, pii.accept_unverified: an unknown format is refused', dbname => 'locked');
(my $wrong_version = $email) =~ s/\Apii:v2:/pii:v1:/;
$other->fails("$set INSERT INTO emails VALUES (2, '$wrong_version')", '22P02', qr/sealed text/,
	'no keyring, pii.accept_unverified: text whose version is not that of its bytes is refused', dbname => 'locked');

# Forged on the way, stored, found.
is(restored('forged', forge($dump{first}, 7), accept => 1), '', 'no keyring, pii.accept_unverified: a forged value cannot be told');
my ($before_part_2) = $whole =~ /\A(.*?)^COPY public\.part_2 /ms;
my $values_before = () = $before_part_2 =~ /pii:v/g;
is(restored('forged_part', forge($whole, $values_before + 1), accept => 1), '', 'nor one in a partition');
with_keyring($node->keyring);
is(verified('locked', 'first',  'name'), '30|0|0|0', 'the keyring is put in: every value of the first version is verified');
is(verified('locked', 'second', 'name'), '20|0|0|0', 'and of the second; NULL is none');
is(verified('locked', 'parted', 'name'), '19|0|0|0', 'and of all partitions');
$other->gives('SELECT count(*) FROM mixed WHERE name::text = CASE WHEN id < 31 THEN \'First \' ELSE \'Second \' END || id', '50',
	'the keyring is put in: what was stored can be read', dbname => 'locked');
$other->gives(q{CREATE INDEX ON indexed (pii_blind_index(name)); SET enable_seqscan = off; SELECT id FROM indexed WHERE name = 'first 7'}, '7',
	'the keyring is put in: the index can be made', dbname => 'indexed');
is(verified('forged', 'first', 'name'), "29|0|0|1\ndamaged or forged value, table first, ctid (0,7)\nDETAIL:  Its key version is 1.",
	'a forged value is counted and named');
is(verified('forged_part', 'parted', 'name'), "18|0|0|1\ndamaged or forged value, table part_2, ctid (0,1)\nDETAIL:  Its key version is 2.",
	'in a partition, by that');
$other->fails('SELECT name FROM first WHERE id = 7', 'XX001', qr/could not authenticate/, 'reading it fails', dbname => 'forged');
$other->fails('SELECT name FROM first WHERE ctid = \'(0,7)\'', 'XX001', qr/could not authenticate/, 'the ctid is that of the row',
	dbname => 'forged');
$other->gives('SELECT count(pii_reveal(name)) FROM first WHERE id <> 7', '29', 'the others can be read', dbname => 'forged');

# ---------------------------------------------------------------------------------------------------------------------
# With the keys, pii.accept_unverified accepts nothing more than without

like(restored('checked', forge($dump{first}, 7), accept => 1), qr/\AERROR:  XX001: could not authenticate/,
	'keys: pii.accept_unverified does not accept a forged value');
$other->gives('SELECT count(*) FROM first', '0', 'keys: and stores none of them', dbname => 'checked');
is(restored('checked', $dump{mixed}, accept => 1), '', 'keys: pii.accept_unverified takes what is genuine');
$other->gives("$sealed mixed", $node->safe_psql('postgres', "$sealed mixed"), 'keys: byte for byte', dbname => 'checked');
restored('checked', $dump{ssns});
my $forged_email = forge($email, 1);
$other->fails("$set INSERT INTO ssns VALUES (2, '$forged_email')", 'XX001', qr/could not authenticate/, 'keys: nor one of another class',
	dbname => 'checked');

# ---------------------------------------------------------------------------------------------------------------------
# A keyring that lacks the second version; then one where it is disabled, or destroyed

my %keyring = (lacking => read_keyring($old_keyring), disabled => read_keyring($node->keyring), destroyed => read_keyring($node->keyring));
$keyring{disabled}{domains}{default}{seal}{primary} = 1;
$keyring{disabled}{domains}{default}{seal}{keys}{2}{status} = 'disabled';
$keyring{destroyed}{domains}{default}{seal}{primary} = 1;
$keyring{destroyed}{domains}{default}{seal}{keys}{2}{status} = 'destroyed';
delete $keyring{destroyed}{domains}{default}{seal}{keys}{2}{key};
my %says = (lacking => qr/is not in the keyring/, disabled => qr/is disabled/, destroyed => qr/was destroyed|is destroyed/);
foreach my $kind (sort keys %keyring)
{
	my $path = $other->keys_dir . "/$kind.json";
	write_keyring($path, $keyring{$kind});
	with_keyring($path);
	is(restored('partly', $dump{first}), '', "$kind version: values of another come in");
	like(restored('partly', $dump{second}), qr/\AERROR:  55000: key version 2 of domain "default" $says{$kind}/,
		"$kind version: the error names it");
	$other->gives('SELECT count(*) FROM second', '0', "$kind version: nothing is stored", dbname => 'partly');
	is(restored('partly', forge($dump{mixed}, 40), accept => 1), '', "$kind version, pii.accept_unverified: its values come in");
	like(restored('partly_forged', forge($dump{mixed}, 10), accept => 1), qr/\AERROR:  XX001: could not authenticate/,
		"$kind version, pii.accept_unverified: but forged ones of a version that is there do not");
	my @found = split /\n/, verified('partly', 'mixed', 'name');
	is($found[0], '30|0|20|0', "$kind version: its values are counted");
	is($found[1], 'sealed value whose key is not there, table mixed, ctid (0,31)', "$kind version: and named");
	is(scalar(grep { /ctid/ } @found), 20, "$kind version: each of 20");
	with_keyring($node->keyring);
	is(verified('partly', 'mixed', 'name'), "49|0|0|1\ndamaged or forged value, table mixed, ctid (0,40)\nDETAIL:  Its key version is 2.",
		"$kind version: when it is back, what was forged is found");
}

# ---------------------------------------------------------------------------------------------------------------------
# pii_verify_column

# Plaintext from before, as adoption leaves it; here by a superuser's own cast.
$other->safe_psql('partly', q{
	CREATE TYPE bridge;
	CREATE FUNCTION bridge_in(cstring) RETURNS bridge LANGUAGE internal IMMUTABLE STRICT AS 'textin';
	CREATE FUNCTION bridge_out(bridge) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
	CREATE TYPE bridge (INPUT = bridge_in, OUTPUT = bridge_out, LIKE = text);
	CREATE CAST (text AS bridge) WITHOUT FUNCTION; CREATE CAST (bridge AS pii_text) WITHOUT FUNCTION;
	CREATE TABLE legacy (id int, name pii_text);
	INSERT INTO legacy SELECT i, ('Legacy ' || i)::bridge::pii_text FROM generate_series(1, 30) i;
	INSERT INTO legacy SELECT id, name FROM mixed;
	CREATE TABLE "Odd ""Name" (id int, "Odd column" pii_text(ssn));
	INSERT INTO "Odd ""Name" VALUES (1, '912-31-6001');
	CREATE TABLE plain (id int, name text);
	CREATE DOMAIN domain AS pii_text(ssn); CREATE TABLE by_domain (id int, ssn domain); INSERT INTO by_domain VALUES (1, '912-31-6001');
	CREATE ROLE reader LOGIN; CREATE ROLE stranger LOGIN; GRANT SELECT ON mixed TO reader});
my @legacy = split /\n/, verified('partly', 'legacy', 'name');
is($legacy[0], '49|30|0|1', 'pii_verify_column counts what is not sealed');
is($legacy[1], 'plaintext that is not sealed yet, table legacy, ctid (0,1)', 'and names it');
is(scalar(@legacy), 21, 'but names no more than 20 rows');
is(verified('partly', '"Odd ""Name"', 'Odd column'), '1|0|0|0', 'pii_verify_column takes names that have to be quoted');
is(verified('partly', 'by_domain', 'ssn'), '1|0|0|0', 'and columns of domains');
unlike(join("\n", @legacy), qr/Legacy|First|Second/, 'it shows no value');
$other->gives(q{CALL pii_verify_column('mixed', 'name')}, '49|0|0|1', 'pii_verify_column needs SELECT', dbname => 'partly', user => 'reader');
$other->fails(q{CALL pii_verify_column('mixed', 'name')}, '42501', qr/permission denied for table mixed/, 'and no less', dbname => 'partly',
	user => 'stranger');
$other->fails(q{CALL pii_verify_column('mixed', 'nothing')}, '42703', qr/column/, 'a column that does not exist', dbname => 'partly');
$other->fails(q{CALL pii_verify_column('plain', 'name')}, '42809', qr/./, 'a column of another type', dbname => 'partly');
$other->fails(q{CALL pii_verify_column(NULL, 'name')}, '22023', qr/must not be null/, 'no table', dbname => 'partly');
$other->gives(q{BEGIN READ ONLY; CALL pii_verify_column('mixed', 'name'); COMMIT}, '49|0|0|1', 'it runs in a read-only transaction', dbname => 'partly');

# Sealed text of another domain is none of this one's keys.
$other->safe_psql('partly', 'CREATE TABLE elsewhere (id int, name pii_text(name))');
my ($of_first) = $dump{first} =~ /(pii:v1:[\w-]+)/;
$other->fails("SET pii.domain = 'elsewhere'; INSERT INTO elsewhere VALUES (1, '$of_first')", '55000', qr/domain "elsewhere"/,
	'another domain: the error names it', dbname => 'partly');

done_testing();
