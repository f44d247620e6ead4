# A streaming standby with the same keyring reads what the primary sealed, and seals once it is promoted. One without
# keys is locked and replicates all the same.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PiiCluster->started('primary', allows_streaming => 1);
$primary->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY, name pii_text(name), note pii_text);
	CREATE TABLE plain (id int);
	INSERT INTO people SELECT i, 'Before Backup ' || i, repeat('note', 1000) FROM generate_series(1, 20) i;
	INSERT INTO plain VALUES (1)});
$primary->backup('backup');

my %keys = keyring_keys($primary->keyring);
my @backup_files = files_below($primary->backup_dir . '/backup');
cmp_ok(scalar(@backup_files), '>', 500, 'a base backup has files');
is(join(', ', search_files({ map { needle_forms($_, $keys{$_}) } keys %keys }, @backup_files)), '', 'a base backup has no key');

my $standby = PiiCluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
my $keyless = PiiCluster->new('keyless');
$keyless->init_from_backup($primary, 'backup', has_streaming => 1);
$keyless->configure('pii.keyring_file' => undef);
$keyless->start;

sub catch_up
{
	$primary->wait_for_catchup($_, 'replay', $primary->lsn('insert')) foreach $standby, $keyless;
	return;
}

$primary->safe_psql('postgres', q{
	INSERT INTO people SELECT i, 'After Backup ' || i FROM generate_series(21, 40) i;
	UPDATE people SET note = pii_rewrap(note) WHERE id = 1;
	INSERT INTO plain VALUES (2)});
catch_up();

my $all = q{SELECT md5(string_agg(concat_ws('|', id, pii_reveal(name), pii_reveal(note)), ',' ORDER BY id)) FROM people};
my $expected = $primary->safe_psql('postgres', $all);
$standby->gives('SELECT pg_is_in_recovery()', 't', 'the standby is a standby');
$standby->gives($all, $expected, 'a standby with the same keyring reads every value');
$standby->gives('SELECT name FROM people WHERE id = 40', 'After Backup 40', 'a standby shows what was sealed after the backup');
$standby->gives(q{SELECT count(DISTINCT check_value) FROM pii_keyring}, '2', 'a standby shows the keys it has');
$standby->gives(q{SELECT pii_reveal(pii_seal('on a standby', 'name'))}, 'on a standby', 'a standby seals values it does not store');
$standby->fails(q{INSERT INTO people VALUES (99, 'x')}, '25006', qr/read-only transaction/, 'a standby stores nothing');
is($standby->safe_psql('postgres', 'SELECT pii_sealed(name) FROM people WHERE id = 30'),
	$primary->safe_psql('postgres', 'SELECT pii_sealed(name) FROM people WHERE id = 30'), 'a standby has the same sealed bytes');

$keyless->gives('SELECT count(*), max(id) FROM people', '40|40', 'a standby without keyring replicates');
$keyless->gives('SELECT count(*) FROM plain', '2', 'a standby without keyring: other tables can be read');
$keyless->gives('SELECT count(*) FROM people WHERE pii_is_sealed(name) AND pii_key_version(name) = 1', '40',
	'a standby without keyring: headers can be read');
my $locked = qr/personal data is locked: no keyring is loaded\nDETAIL:  neither pii\.keyring_file nor/;
$keyless->fails('SELECT name FROM people WHERE id = 1', '55000', $locked, 'a standby without keyring: values are locked');
$keyless->fails('SELECT pii_try_reveal(name) FROM people', '55000', $locked, 'a standby without keyring: pii_try_reveal is an error');

# Rotation reaches a standby only with a restart of its own.
pii_keyring('add', $primary->keyring, 'seal');
pii_keyring('promote', $primary->keyring, 'seal', '2');
$primary->restart;
$primary->safe_psql('postgres', q{INSERT INTO people VALUES (41, 'Version Two')});
catch_up();
$standby->fails('SELECT name FROM people WHERE id = 41', '55000', qr/key version 2 of domain "default" is not in the keyring/,
	'a standby that has not reloaded names the version it lacks');
$standby->gives('SELECT name FROM people WHERE id = 40', 'After Backup 40', 'and reads the others');
$standby->restart;
$standby->gives('SELECT name FROM people WHERE id = 41', 'Version Two', 'after a restart it reads that version, too');

# Promotion
$primary->stop;
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$standby->gives(q{INSERT INTO people VALUES (50, 'After Promotion'); SELECT name, pii_key_version(name) FROM people WHERE id = 50},
	'After Promotion|2', 'a promoted standby seals under the primary version');
$standby->gives('SELECT count(*), count(pii_reveal(name)) FROM people', '42|42', 'a promoted standby reads every value');

$keyless->promote;
$keyless->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$keyless->fails(q{INSERT INTO people VALUES (50, 'x')}, '55000', $locked, 'a promoted standby without keyring does not seal');
$keyless->gives('INSERT INTO plain VALUES (3); SELECT count(*) FROM plain', '3', 'a promoted standby without keyring does all else');
$keyless->configure('pii.keyring_file' => $primary->keyring);
$keyless->restart;
$keyless->gives('SELECT count(*), count(pii_reveal(name)) FROM people', '41|41', 'given the keyring, it reads every value');

done_testing();
