# Keys over time: versions live side by side, and each way in which a key can be missing has its own message. Domains:
# what one seals, no other reads.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
my $keyring = $node->keyring;

# Changes the keyring file and restarts.
sub change_keyring
{
	my ($change) = @_;
	my $data = read_keyring($keyring);
	$change->($data->{domains}{default}{seal}, $data);
	write_keyring($keyring, $data);
	$node->restart;
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# Rotation

$node->safe_psql('postgres', q{
	CREATE TABLE people (id int, name pii_text(name), note pii_text);
	INSERT INTO people SELECT i, 'Old ' || i, repeat('note', 1000) FROM generate_series(1, 10) i});
my $versions = q{SELECT string_agg(DISTINCT pii_key_version(name)::text, ',') FROM people WHERE id };
my $primary  = q{SELECT key_version FROM pii_keyring WHERE purpose = 'seal' AND is_primary};

$node->gives($versions . '> 0', '1', 'the first version is 1');
pii_keyring('add', $keyring, 'seal');
$node->restart;
$node->gives($primary, '1', 'an added version is not the primary');
$node->gives(q{INSERT INTO people VALUES (11, 'Old 11'); } . $versions . '= 11', '1',
	'an added version is not used for new values');

# What another server, already promoted, has sealed.
my $ahead_file = $node->keys_dir . '/ahead.json';
write_private($ahead_file, slurp_file($keyring));
pii_keyring('promote', $ahead_file, 'seal', '2');
my $ahead = PiiCluster->started('ahead', keyring => 0, conf => "pii.keyring_file = '$ahead_file'\n");
my $from_ahead = $ahead->safe_psql('postgres', q{SELECT pii_sealed(pii_seal('From Ahead', 'name'))});
like($from_ahead, qr/\Apii:v2:/, 'a promoted server seals under the new version');
$node->gives(qq{INSERT INTO people VALUES (12, '$from_ahead'); SELECT name, pii_key_version(name) FROM people WHERE id = 12},
	'From Ahead|2', 'an added version is readable before it is promoted here');
$ahead->stop;

pii_keyring('promote', $keyring, 'seal', '2');
$node->restart;
$node->gives($primary, '2', 'a promoted version is the primary');
$node->gives(q{INSERT INTO people SELECT i, 'New ' || i FROM generate_series(13, 20) i; } . $versions . '> 12', '2',
	'new values are sealed under the promoted version');
$node->gives(q{SELECT count(*), count(*) FILTER (WHERE pii_reveal(name) = 'Old ' || id),
	count(*) FILTER (WHERE pii_reveal(name) = 'New ' || id), string_agg(DISTINCT pii_key_version(name)::text, ',')
	FROM people}, '20|11|8|1,2', 'two versions are readable in one statement');
$node->gives(q{UPDATE people SET id = id WHERE id <= 5; } . $versions . '<= 5', '1',
	'an update of another column leaves the version');

my $rewrap = 'UPDATE people SET name = pii_rewrap(name), note = pii_rewrap(note)';
$node->succeeds("$rewrap WHERE id <= 5", 'pii_rewrap of some rows');
$node->gives(q{SELECT count(*) FROM people WHERE pii_key_version(name) = 1}, '6', 'pii_rewrap moved those rows');
$node->succeeds($rewrap, 'pii_rewrap of all rows');
$node->gives($versions . '> 0', '2', 'pii_rewrap moved all rows to the primary version');
$node->gives(q{SELECT count(*), count(*) FILTER (WHERE pii_reveal(name) = 'Old ' || id),
	count(*) FILTER (WHERE pii_reveal(note) = repeat('note', 1000) AND pii_key_version(note) = 2) FROM people},
	'20|11|10', 'pii_rewrap changed no value');
$node->gives(q{SELECT count(*) FROM people WHERE pii_class_of(name) <> 'name'}, '0', 'pii_rewrap changed no class');

# ---------------------------------------------------------------------------------------------------------------------
# Versions that are not to be had

$node->safe_psql('postgres', q{CREATE TABLE old (id int, ssn pii_text(ssn))});
my $new_value = '987-65-4321';
$node->safe_psql('postgres', qq{INSERT INTO old VALUES (2, '$new_value')});
my $good = read_keyring($keyring);
change_keyring(sub { $_[0]{primary} = 1 });
$node->safe_psql('postgres', q{INSERT INTO old VALUES (1, '123-45-6789')});
$node->gives('SELECT id, pii_key_version(ssn), ssn FROM old ORDER BY id', "1|1|123-45-6789\n2|2|$new_value",
	'an older version can be promoted again');

sub version_1_is_unusable
{
	my ($what, $message) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @errors;
	foreach my $use ('SELECT ssn FROM old', 'SELECT pii_reveal(ssn) FROM old', 'SELECT pii_mask(ssn) FROM old WHERE id = 1',
		'SELECT pii_rewrap(ssn) FROM old', 'UPDATE old SET ssn = pii_rewrap(ssn)', q{SET pii.view = 'plain'; COPY old TO STDOUT},
		q{SELECT pii_seal(pii_sealed(ssn), 'ssn') FROM old WHERE id = 1})
	{
		push @errors, $node->fails($use, '55000', $message, "$what: $use");
	}
	like($errors[0], qr/DETAIL:  A value of class ssn needs it\./, "$what: the class is named");
	unlike(join('', @errors), qr/6789|123-45/, "$what: no value is shown");
	$node->gives('SELECT id, pii_try_reveal(ssn) FROM old ORDER BY id', "1|\n2|$new_value",
		"$what: pii_try_reveal gives NULL for these values alone");
	$node->gives('SELECT ssn FROM old WHERE id = 2', $new_value, "$what: other versions are readable");
	$node->gives(q{INSERT INTO old VALUES (3, '111-22-3333') RETURNING pii_key_version(ssn)}, '2', "$what: sealing works");
	$node->safe_psql('postgres', 'DELETE FROM old WHERE id = 3');
	$node->gives('SELECT pii_class_of(ssn), pii_key_version(ssn) FROM old WHERE id = 1', 'ssn|1', "$what: the header is readable");
	return;
}

write_keyring($keyring, $good);
change_keyring(sub { delete $_[0]{keys}{1} });
version_1_is_unusable('removed version', qr/key version 1 of domain "default" is not in the keyring\n.*HINT:  Give the server/s);

write_keyring($keyring, $good);
change_keyring(sub { $_[0]{keys}{1}{status} = 'disabled' });
version_1_is_unusable('disabled version', qr/key version 1 of domain "default" is disabled\n.*HINT:  Enable it/s);

write_keyring($keyring, $good);
change_keyring(sub { $_[0]{keys}{1}{status} = 'destroyed'; delete $_[0]{keys}{1}{key} });
version_1_is_unusable('destroyed version', qr/key version 1 of domain "default" was destroyed\n.*HINT:  The value cannot be read/s);
$node->gives(q{SELECT status, check_value IS NULL FROM pii_keyring WHERE purpose = 'seal' AND key_version = 1}, 'destroyed|t',
	'destroyed version: pii_keyring shows it without a check value');

# A keyring with other keys under the same versions

write_keyring($keyring, $good);
my $check_values = q{SELECT string_agg(check_value, ',' ORDER BY purpose, key_version) FROM pii_keyring};
$node->restart;
my $check_values_before = $node->safe_psql('postgres', $check_values);
change_keyring(sub { $_->{key} = new_key() foreach values %{ $_[0]{keys} } });
isnt($node->safe_psql('postgres', $check_values), $check_values_before, 'wrong keyring: other check values');
my $error = $node->fails('SELECT ssn FROM old', 'XX001', qr/could not authenticate sealed value/, 'wrong keyring: a value is no value');
like($error, qr/DETAIL:  Class ssn, key version [12], domain "default"\./, 'wrong keyring: class, version and domain are named');
$node->gives('SELECT count(*), count(pii_try_reveal(ssn)) FROM old', '2|0', 'wrong keyring: pii_try_reveal gives NULL');
$node->fails('UPDATE old SET ssn = pii_rewrap(ssn)', 'XX001', qr/could not authenticate/, 'wrong keyring: nothing is rewrapped');
write_keyring($keyring, $good);
$node->restart;
$node->gives('SELECT ssn FROM old ORDER BY id', "123-45-6789\n$new_value", 'right keyring again: all is readable');
$node->gives($check_values, $check_values_before, 'right keyring again: the same check values');

# ---------------------------------------------------------------------------------------------------------------------
# Domains

make_keyring($node->keys_dir . '/hr.json', 'hr');
change_keyring(sub { $_[1]{domains}{hr} = read_keyring($node->keys_dir . '/hr.json')->{domains}{hr} });
$node->gives('SELECT string_agg(DISTINCT domain, \',\') FROM pii_keyring', 'default,hr', 'a keyring with two domains');
$node->safe_psql('postgres', q{
	CREATE ROLE clerk LOGIN; GRANT ALL ON people, old TO clerk;
	CREATE TABLE both_domains (id int, name pii_text(name)); GRANT ALL ON both_domains TO clerk;
	INSERT INTO both_domains VALUES (1, 'Default Person');
	SET pii.domain = 'hr';
	INSERT INTO both_domains VALUES (2, 'HR Person')});

$node->gives('SELECT name FROM both_domains WHERE id = 1', 'Default Person', 'default reads default');
$node->gives(q{SET pii.domain = 'hr'; SELECT name FROM both_domains WHERE id = 2}, 'HR Person', 'hr reads hr');
$error = $node->fails('SELECT name FROM both_domains WHERE id = 2', 'XX001',
	qr/could not authenticate sealed value\nDETAIL:  Class name, key version 1, domain "default"/,
	'default does not read hr');
unlike($error, qr/HR Person/, 'default does not read hr: no value is shown');
$node->fails(q{SET pii.domain = 'hr'; SELECT name FROM both_domains WHERE id = 1}, '55000',
	qr/key version 2 of domain "hr" is not in the keyring/, 'hr does not have the versions of default');
$node->fails(q{SET pii.domain = 'hr'; SELECT ssn FROM old WHERE id = 1}, 'XX001',
	qr/could not authenticate sealed value\nDETAIL:  Class ssn, key version 1, domain "hr"/, 'hr does not read default');
$node->gives('SELECT id, pii_try_reveal(name) FROM both_domains ORDER BY id', "1|Default Person\n2|",
	'pii_try_reveal gives NULL for the other domain');
$node->fails(q{SET pii.domain = 'hr'; INSERT INTO both_domains SELECT 3, pii_sealed(ssn) FROM old WHERE id = 1}, 'XX001',
	qr/could not authenticate/, 'sealed text of another domain is not taken');

foreach my $use (q{SELECT pii_seal('x')}, 'SELECT name FROM both_domains', 'SELECT pii_try_reveal(name) FROM both_domains')
{
	$node->fails("SET pii.domain = 'no_such'; $use", '55000',
		qr/domain "no_such" is not in the keyring\nHINT:  Set pii\.domain/, "unknown domain: $use");
}
$node->gives(q{BEGIN; SET LOCAL pii.domain = 'hr'; SELECT name FROM both_domains WHERE id = 2; ROLLBACK;
	SELECT name FROM both_domains WHERE id = 1}, "HR Person\nDefault Person", 'the domain ends with the transaction it was set for');
$node->gives(q{SET pii.domain = 'hr'; SELECT name FROM both_domains WHERE id = 2; RESET pii.domain;
	SELECT name FROM both_domains WHERE id = 1}, "HR Person\nDefault Person", 'keys follow the domain within a session');

# Who may choose

my $denied = qr/permission denied to set parameter "pii\.domain"/;
$node->fails(q{SET pii.domain = 'hr'}, '42501', $denied, 'a user cannot set the domain', user => 'clerk');
$node->fails(q{SELECT set_config('pii.domain', 'hr', false)}, '42501', $denied, 'a user cannot set the domain by function',
	user => 'clerk');
$node->fails(q{ALTER ROLE clerk SET pii.domain = 'hr'}, '42501', $denied, 'a user cannot set the domain for the next login',
	user => 'clerk');
$node->fails(q{CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql SET pii.domain = 'hr' AS $$ SELECT 'x' $$; SELECT pg_temp.f()},
	'42501', $denied, 'a user cannot set the domain for a function', user => 'clerk');
{
	local $ENV{PGOPTIONS} = '-c pii.domain=hr';
	my ($status, $out, $err) = $node->sql('SELECT name FROM both_domains WHERE id = 2', user => 'clerk');
	like($err, qr/FATAL:  permission denied to set parameter "pii\.domain"/, 'a user cannot set the domain when connecting');
	is($out, '', 'a user cannot set the domain when connecting: nothing is read');
}

$node->safe_psql('postgres', q{CREATE DATABASE staff});
$node->safe_psql('postgres', q{ALTER DATABASE staff SET pii.domain = 'hr'});
$node->safe_psql('staff', q{CREATE EXTENSION pii; CREATE TABLE t (name pii_text(name)); GRANT ALL ON t TO clerk;
	SELECT pii_grant('clerk', 'name', 'REVEAL')});
$node->gives(q{INSERT INTO t VALUES ('Staff Member'); SHOW pii.domain; SELECT name, pii_key_version(name) FROM t},
	"hr\nStaff Member|1", 'ALTER DATABASE sets the domain for users', user => 'clerk', dbname => 'staff');
my $of_staff = $node->safe_psql('staff', 'SELECT pii_sealed(name) FROM t');
$node->fails("SELECT '$of_staff'::pii_text", 'XX001', qr/could not authenticate/, 'another database does not read it');
$node->gives(qq{SET pii.domain = 'hr'; SELECT '$of_staff'::pii_text}, 'Staff Member', 'but does with that domain');
$node->gives(q{RESET ALL; SELECT name FROM t; DISCARD ALL; SELECT name FROM t}, "Staff Member\nStaff Member",
	'RESET goes back to the domain of the database', user => 'clerk', dbname => 'staff');
$node->gives('SHOW pii.domain', 'default', 'other databases keep the default');

done_testing();
