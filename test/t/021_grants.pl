# Privileges on values: who gives them, who has them, and that what changes is effective with the next statement of every
# session, whatever it is in the middle of.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main');
sub admin { my ($sql, $dbname) = @_; return $node->safe_psql($dbname // 'postgres', $sql); }
admin(q{
	CREATE ROLE desk; CREATE ROLE clerk LOGIN IN ROLE desk; CREATE ROLE masked LOGIN; CREATE ROLE officer LOGIN; CREATE ROLE chief LOGIN SUPERUSER;
	CREATE ROLE "Odd ""Role" LOGIN;
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name), note pii_text);
	INSERT INTO people SELECT i, '912-31-' || 6000 + i, 'Maria Gonzalez', 'note ' || i FROM generate_series(1, 1000) i;
	CREATE TABLE own (note pii_text, ssn pii_text(ssn));
	GRANT SELECT ON people TO PUBLIC; GRANT ALL ON own TO PUBLIC});

my $read   = 'SELECT ssn FROM people WHERE id = 7';
my $plain  = '912-31-6007';
my $masked = '***-**-6007';
my $grants = 'SELECT * FROM pii_privileges';

# ---------------------------------------------------------------------------------------------------------------------
# In a session that is there already

my $session = $node->background_psql('postgres', extra_params => [ '-U', 'clerk' ]);
$session->query_safe(q{
	SET plan_cache_mode = force_generic_plan;
	PREPARE prepared AS SELECT ssn FROM people WHERE id = 7;
	CREATE FUNCTION pg_temp.in_function() RETURNS text LANGUAGE plpgsql AS 'DECLARE r pii_text; BEGIN SELECT ssn INTO r FROM people WHERE id = 7; RETURN r; END'});

# The ways to read one value, each used before, so that plans and privileges are cached.
my %statements = (
	'a query'              => $read,
	'a prepared statement' => 'EXECUTE prepared',
	'a function'           => 'SELECT pg_temp.in_function()');
my $team = q{CREATE ROLE team; SELECT pii_grant('team', 'ssn', 'REVEAL'); GRANT team TO };
# What changes, how it is given, how it is taken, and what is left to clean up.
my @changes = (
	[ 'pii_revoke',                 q{SELECT pii_grant('clerk', 'ssn', 'REVEAL')},  q{SELECT pii_revoke('clerk', 'ssn', 'REVEAL')} ],
	[ 'pii_revoke of *',            q{SELECT pii_grant('clerk', '*', 'REVEAL')},    q{SELECT pii_revoke('clerk', '*', 'REVEAL')} ],
	[ 'pii_revoke from its group',  q{SELECT pii_grant('desk', 'ssn', 'REVEAL')},   q{SELECT pii_revoke('desk', 'ssn', 'REVEAL')} ],
	[ 'pii_revoke from PUBLIC',     q{SELECT pii_grant('public', 'ssn', 'REVEAL')}, q{SELECT pii_revoke('public', 'ssn', 'REVEAL')} ],
	[ 'REVOKE of a role',           "$team clerk",           'REVOKE team FROM clerk',       'DROP ROLE team' ],
	[ 'REVOKE of a role further up', "$team desk",           'REVOKE team FROM desk',        'DROP ROLE team' ],
	[ 'NOINHERIT',                  "$team clerk",           'ALTER ROLE clerk NOINHERIT',   'ALTER ROLE clerk INHERIT; DROP ROLE team' ],
	[ 'DROP ROLE',                  "$team clerk",           'DROP ROLE team' ],
	[ 'NOSUPERUSER',                'ALTER ROLE clerk SUPERUSER', 'ALTER ROLE clerk NOSUPERUSER' ],
	[ 'DELETE in the table',        q{SELECT pii_grant('clerk', 'ssn', 'REVEAL')},  q{DELETE FROM pii_privilege WHERE role = 'clerk'::regrole} ],
	[ 'TRUNCATE of the table',      q{SELECT pii_grant('clerk', 'ssn', 'REVEAL')},  'TRUNCATE pii_privilege, pii_public_privilege' ]);
foreach my $isolation ('', 'READ COMMITTED', 'REPEATABLE READ')
{
	my $where = $isolation ? "in an open transaction ($isolation)" : 'in an open session';
	foreach my $statement ($isolation eq 'READ COMMITTED' ? ('a function') : sort keys %statements)
	{
		foreach my $change (@changes)
		{
			my ($what, $give, $take, $cleanup) = @$change;
			admin($give);
			$session->query_safe("BEGIN ISOLATION LEVEL $isolation") if $isolation;
			my $before = join ' ', map { scalar $session->query_safe($statements{$statement}) } 1 .. 2;
			admin($take);
			my $after = $session->query_safe($statements{$statement});
			is("$before > $after", "$plain $plain > $masked", "$what is effective at once $where, for $statement");
			$session->query_safe('COMMIT') if $isolation;
			admin($cleanup) if defined $cleanup;
		}
	}
	$session->query_safe("BEGIN ISOLATION LEVEL $isolation") if $isolation;
	is(join(' ', map { scalar $session->query_safe($statements{$_}) } sort keys %statements), "$masked $masked $masked",
		"without a grant, masks $where");
	admin(q{SELECT pii_grant('desk', 'ssn', 'REVEAL')});
	is(join(' ', map { scalar $session->query_safe($statements{$_}) } sort keys %statements), "$plain $plain $plain",
		"pii_grant is effective at once $where");
	$session->query_safe('COMMIT') if $isolation;
	admin(q{SELECT pii_revoke('desk', 'ssn', 'REVEAL')});
}

# Rows of one cursor
admin(q{SELECT pii_grant('clerk', 'ssn', 'REVEAL')});
$session->query_safe('BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM people WHERE id >= 6');
is($session->query_safe('FETCH FROM c'), '912-31-6006', 'a cursor shows plaintext');
admin(q{SELECT pii_revoke('clerk', 'ssn', 'REVEAL')});
is($session->query_safe('FETCH FROM c'), $masked, 'pii_revoke is effective for the next FETCH of an open cursor');
$session->query_safe('COMMIT');

# Within its own transaction, and undone with it
$node->gives(qq{SELECT pii_grant('masked', 'ssn', 'REVEAL'); SET ROLE masked; $read; RESET ROLE;
	BEGIN; SELECT pii_revoke('masked', 'ssn', 'REVEAL'); SET ROLE masked; $read; ROLLBACK; SET ROLE masked; $read;
	RESET ROLE; BEGIN; SAVEPOINT s; SELECT pii_revoke('masked', 'ssn', 'REVEAL'); ROLLBACK TO s; SET LOCAL ROLE masked; $read; COMMIT;
	SELECT pii_revoke('masked', 'ssn', 'REVEAL'); SET ROLE masked; $read}, "\n$plain\n\n$masked\n$plain\n\n$plain\n\n$masked",
	'a grant is effective in its own transaction, and undone with it');
$node->gives("SELECT pii_grant('masked', 'ssn', 'REVEAL'); BEGIN; SET LOCAL ROLE masked; $read; COMMIT; SET SESSION AUTHORIZATION chief; $read;
	SET ROLE clerk; $read; RESET SESSION AUTHORIZATION; SELECT pii_revoke('masked', 'ssn', 'REVEAL')", "\n$plain\n$plain\n$masked\n",
	'SET ROLE and SET SESSION AUTHORIZATION are effective at once');

# Uncommitted changes are nobody else's.
my $other = $node->background_psql('postgres');
$other->query_safe(q{BEGIN; SELECT pii_grant('clerk', 'ssn', 'REVEAL')});
is($session->query_safe($read), $masked, 'a grant is not effective elsewhere before it is committed');
$other->query_safe('COMMIT');
is($session->query_safe($read), $plain, 'but then');
$other->query_safe(q{BEGIN; SELECT pii_revoke('clerk', 'ssn', 'REVEAL')});
is($session->query_safe($read), $plain, 'nor is a revoke');
$other->query_safe('COMMIT');
is($session->query_safe($read), $masked, 'but then, too');
$other->quit;
$session->quit;

# ---------------------------------------------------------------------------------------------------------------------
# Roles that are gone

admin(q{CREATE ROLE leaver; SELECT pii_grant('leaver', '*', 'ALL'); SELECT pii_grant('leaver', 'ssn', 'REVEAL')});
my $old_oid = admin(q{SELECT 'leaver'::regrole::oid});
admin(q{BEGIN; DROP ROLE leaver; ROLLBACK});
$node->gives(q{SELECT count(*) FROM pii_privileges WHERE role = 'leaver'}, '5', 'DROP ROLE that is rolled back keeps grants');
admin(q{DROP ROLE leaver; CREATE ROLE leaver LOGIN});
$node->gives("SELECT count(*) FROM pii_privilege WHERE role = $old_oid OR role = 'leaver'::regrole", '0', 'DROP ROLE removes grants');
$node->gives($read, $masked, 'a new role of that name has none of them', user => 'leaver');

# ---------------------------------------------------------------------------------------------------------------------
# What the privileges give

sub may
{
	my ($user, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ref $expected ? $node->fails($sql, '42501', $expected, $name, user => $user) : $node->gives($sql, $expected, $name, user => $user);
}
sub again { admin('TRUNCATE pii_privilege, pii_public_privilege; ' . join '; ', map { "SELECT pii_grant($_)" } @_); return; }

again();
may('masked', "$read; SELECT name FROM people WHERE id = 7", "$masked\nM*** G***", 'without a grant, masks');
may('masked', 'SELECT pii_reveal(ssn) FROM people', qr/role "masked" may not reveal values of class ssn/, 'without a grant, no REVEAL');
may('masked', q{SELECT id FROM people WHERE ssn = '912-31-6007'}, qr/may not search values of class/, 'without a grant, no SEARCH');
my $sealed = admin('SELECT pii_sealed(ssn) FROM people WHERE id = 7');
may('masked', "INSERT INTO own (ssn) VALUES ('$sealed')", qr/may not import values of class ssn/, 'without a grant, no IMPORT');
again(q{'masked', 'ssn', 'REVEAL'});
may('masked', "$read; SELECT name FROM people WHERE id = 7", "$plain\nM*** G***", 'REVEAL of a class is of that class');
may('masked', q{SELECT id FROM people WHERE ssn = '912-31-6007'}, qr/may not search values of class/, 'REVEAL is not SEARCH');
may('masked', "INSERT INTO own (ssn) VALUES ('$sealed')", qr/may not import/, 'REVEAL is not IMPORT');
admin(q{SELECT pii_revoke('public', '*', 'MASK')});
may('masked', "SET pii.view = masked; $read; SELECT name FROM people WHERE id = 7", "$masked\n[name]", 'REVEAL includes MASK, of its class');
may('masked', 'SELECT pii_mask(name) FROM people', qr/may not mask values of class name/, 'and no other');
again(q{'masked', 'ssn', 'SEARCH'});
may('masked', q{SELECT id, ssn FROM people WHERE ssn = '912-31-6007'}, "7|$masked", 'SEARCH of a class finds, and shows masks');
may('masked', q{SELECT id FROM people WHERE name = 'Maria Gonzalez'}, qr/may not search values of class name/,
	'SEARCH of a class is of that class');
may('masked', 'SELECT pii_reveal(ssn) FROM people', qr/may not reveal/, 'SEARCH is not REVEAL');
again(q{'masked', 'ssn', 'IMPORT'});
may('masked', "INSERT INTO own (ssn) VALUES ('$sealed') RETURNING ssn", $masked, 'IMPORT takes sealed text, and shows masks');
may('masked', 'SELECT pii_reveal(ssn) FROM people', qr/may not reveal/, 'IMPORT is not REVEAL');
again(q{'masked', '*', 'ALL'});
may('masked', q{SELECT ssn, name, note FROM people WHERE ssn = '912-31-6007' AND name = 'maria gonzalez'}, "$plain|Maria Gonzalez|note 7",
	'* and ALL give everything');
may('masked', "INSERT INTO own (ssn) VALUES ('$sealed') RETURNING ssn", $plain, 'also IMPORT');
$node->gives("SELECT DISTINCT privilege FROM pii_privileges WHERE role = 'masked' ORDER BY 1", "IMPORT\nMASK\nREVEAL\nSEARCH",
	'ALL is four privileges');

# Class text is what a literal has before it reaches its column.
again(q{'masked', 'ssn', 'REVEAL'});
may('masked', 'SELECT note, name FROM people WHERE id = 7', 'note 7|M*** G***', 'REVEAL of any class includes class text');
again(q{'masked', 'ssn', 'SEARCH'});
may('masked', q{SELECT id FROM people WHERE note = 'note 7'}, '7', 'SEARCH of any class includes class text');
may('masked', 'SELECT note FROM people WHERE id = 7', '****', 'and not REVEAL of it');
again(q{'masked', 'text', 'REVEAL'}, q{'masked', 'text', 'SEARCH'});
may('masked', "SELECT note, ssn FROM people WHERE id = 7", "note 7|$masked", 'class text includes no other');
again(q{'masked', 'ssn', 'IMPORT'});
my $sealed_note = admin('SELECT pii_sealed(note) FROM people WHERE id = 7');
may('masked', "INSERT INTO own (note) VALUES ('$sealed_note')", qr/may not import values of class text/,
	'IMPORT of a class does not include class text');

# MASK of PUBLIC
my @public = (
	[ q{pii_revoke('public', 'ssn', 'MASK')},                                         '[ssn]|M*** G***|****',
		'MASK revoked from PUBLIC for a class' ],
	[ q{pii_revoke('public', '*', 'MASK')},                                           '[ssn]|[name]|[text]',  'MASK revoked from PUBLIC for all' ],
	[ q{pii_revoke('public', '*', 'MASK'), pii_grant('public', 'ssn', 'MASK')},       "$masked|[name]|[text]", 'and granted again for one' ],
	[ q{pii_revoke('public', 'ssn', 'MASK'), pii_grant('public', '*', 'MASK')},       "$masked|M*** G***|****",
		'what is said of all takes the place of what was said of one' ],
	[ q{pii_revoke('public', 'ssn', 'MASK'), pii_grant('public', 'ssn', 'MASK')},     "$masked|M*** G***|****", 'revoked and granted again' ],
	[ q{pii_revoke('public', '*', 'ALL'), pii_grant('masked', 'ssn', 'MASK')},        "$masked|[name]|[text]", 'a role has MASK of its own' ],
	[ q{pii_revoke('public', '*', 'MASK'), pii_grant('masked', 'name', 'REVEAL')},    '[ssn]|Maria Gonzalez|note 7', 'a role has MASK by REVEAL' ],
	[ q{pii_revoke('masked', 'ssn', 'MASK')},                                         "$masked|M*** G***|****",
		'MASK that a role has by PUBLIC cannot be revoked from it' ]);
foreach my $case (@public)
{
	again();
	admin("SELECT $case->[0]");
	may('masked', 'SELECT ssn, name, note FROM people WHERE id = 7', $case->[1], $case->[2]);
}

# Parallel workers know members
again(q{'desk', '*', 'REVEAL'});
my $parallel = 'SET force_parallel_mode = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
like(admin("$parallel EXPLAIN SELECT ssn::text FROM people"), qr/Gather.*Workers Planned/s, 'there are parallel workers');
may('clerk', "$parallel SELECT count(*) FROM people WHERE ssn::text = '912-31-' || 6000 + id", '1000', 'parallel workers reveal for a member');
may('masked', "$parallel SELECT count(*) FROM people WHERE ssn::text LIKE '***-**-%'", '1000', 'and mask for others');
may('masked', "$parallel SELECT count(pii_reveal(ssn)) FROM people", qr/may not reveal values of class ssn/, 'and refuse');

# Databases
again();
admin('CREATE DATABASE second');
admin(q{CREATE EXTENSION pii; CREATE TABLE people AS SELECT 7 AS id, '912-31-6007'::pii_text(ssn) AS ssn; GRANT SELECT ON people TO PUBLIC;
	SELECT pii_grant('masked', 'ssn', 'REVEAL')}, 'second');
$node->gives($read, $plain, 'a grant is effective in its database', dbname => 'second', user => 'masked');
$node->gives($read, $masked, 'and in no other', user => 'masked');

# ---------------------------------------------------------------------------------------------------------------------
# Giving and taking

again();
$node->gives($grants, 'public|*|MASK|t', 'pii_privileges shows what PUBLIC has by itself');
admin(q{SELECT pii_grant('clerk', 'ssn', 'reveal'), pii_grant('clerk', 'ssn', 'REVEAL'), pii_grant('"Odd ""Role"', 'name', 'Search'),
	pii_grant('masked'::regrole, '*', 'IMPORT'),
	pii_grant('public', 'email', 'SEARCH'), pii_grant('PUBLIC', 'phone', 'SEARCH'), pii_revoke('public', 'ssn', 'MASK')});
$node->gives($grants, qq{"Odd ""Role"|name|SEARCH|t\nclerk|ssn|REVEAL|t\nmasked|*|IMPORT|t\npublic|*|MASK|t\npublic|email|SEARCH|t\npublic|phone|SEARCH|t\npublic|ssn|MASK|f},
	'pii_privileges shows each grant once, by names');
$node->gives($grants, admin($grants), 'everybody may see it', user => 'masked');
$node->fails("$_", '42501', qr/permission denied/, "nobody else may write: $_", user => 'masked')
  foreach q{INSERT INTO pii_privilege VALUES ('masked', -1, 'REVEAL')}, 'DELETE FROM pii_privilege', 'TRUNCATE pii_privilege',
	q{UPDATE pii_privilege SET class_id = -1},
  q{INSERT INTO pii_public_privilege VALUES (-1, 'REVEAL', true)}, 'DELETE FROM pii_public_privilege', 'TRUNCATE pii_public_privilege';

my @wrong = (
	[ q{'clerk', 'ssn', 'READ'},        '22023', qr/privilege does not exist\nHINT:  .*REVEAL, MASK, SEARCH, IMPORT, ALL/, 'unknown privilege' ],
	[ q{'clerk', 'ssn', ''},            '22023', qr/privilege does not exist/,                                             'empty privilege' ],
	[ q{'clerk', 'shoe_size', 'MASK'},  '22023', qr/class/,                                                                'unknown class' ],
	[ q{'clerk', '', 'MASK'},           '22023', qr/class/,                                                                'empty class' ],
	[ q{'nobody_here', 'ssn', 'MASK'},  '42704', qr/role "nobody_here" does not exist/,                                    'unknown role' ],
	[ q{'4294967294', 'ssn', 'MASK'},   '42704', qr/role with OID \S+ does not exist/,                              'number of no role' ],
	[ q{4294967294::regrole, 'ssn', 'MASK'}, '42704', qr/role with OID \S+ does not exist/,                         'OID of no role' ]);
foreach my $function ('pii_grant', 'pii_revoke')
{
	$node->fails("SELECT $function($_->[0])", $_->[1], $_->[2], "$function: $_->[3]") foreach @wrong;
	$node->gives("SELECT $function(NULL::text, 'ssn', 'MASK') IS NULL, $function('clerk', NULL, 'MASK') IS NULL, $function('clerk', 'ssn', NULL) IS NULL", 't|t|t',
		"$function: NULL does nothing");
	$node->fails("SELECT $function('masked', '*', 'ALL')", '42501', qr/permission denied for function $function/, "$function: not for PUBLIC",
		user => 'masked');
	$node->fails("SELECT $function('masked'::regrole, '*', 'ALL')", '42501', qr/permission denied for function $function/,
		"$function: not for PUBLIC, by regrole", user => 'masked');
}
my %public_by = ('-' => q{SELECT pii_grant('-', 'dob', 'SEARCH')}, 'regrole 0' => q{SELECT pii_grant('-'::regrole, 'dob', 'SEARCH')});
foreach my $by (sort keys %public_by)
{
	again();
	admin($public_by{$by});
	$node->gives(q{SELECT role, privilege FROM pii_privileges WHERE class = 'dob'}, 'public|SEARCH', "$by is PUBLIC");
}

# Who may execute the functions administers privileges, without being able to reveal anything by that.
again();
admin(q{GRANT EXECUTE ON FUNCTION pii_grant(text, text, text), pii_grant(regrole, text, text), pii_revoke(text, text, text),
	pii_revoke(regrole, text, text) TO officer});
$node->succeeds(q{SELECT pii_grant('masked', 'ssn', 'REVEAL')}, 'a security officer grants', user => 'officer');
may('masked', $read, $plain, 'and it is effective');
may('officer', $read, $masked, 'who grants does not reveal');
$node->succeeds(q{SELECT pii_revoke('masked'::regrole, 'ssn', 'REVEAL')}, 'a security officer revokes', user => 'officer');
may('masked', $read, $masked, 'and it is effective, too');
$node->fails('DELETE FROM pii_privilege', '42501', qr/permission denied/, 'a security officer has nothing to do with the table', user => 'officer');
# Names that an attacker puts into his path are not the ones that the functions of the owner take.
$node->gives(q{CREATE TEMP TABLE pii_privilege (LIKE people); SET search_path = pg_temp, public; SELECT pii_grant('masked', 'ssn', 'SEARCH');
	SELECT count(*) FROM pg_temp.pii_privilege},
	"\n0", 'a table of the same name in front changes nothing', user => 'officer');
may('masked', q{SELECT id FROM people WHERE ssn = '912-31-6007'}, '7', 'the grant is in the right one');

# REVOKE takes one grant, and says so when that was not the only one.
sub warns
{
	my ($sql, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $out, $err) = $node->sql($sql);
	my $warnings = join '', $err =~ /WARNING:  01000: .*\n(?:DETAIL: .*\n)?/g;
	return ref $pattern ? like($warnings, $pattern, $name) : is($warnings, $pattern, $name);
}
my @still = (
	[ [q{'desk', 'ssn', 'REVEAL'}, q{'clerk', 'ssn', 'REVEAL'}], q{'clerk', 'ssn', 'REVEAL'},
		qr/"clerk" still has REVEAL on class ssn\nDETAIL:  The privilege comes from/, 'by membership' ],
	[ [q{'clerk', '*', 'REVEAL'}, q{'clerk', 'ssn', 'REVEAL'}],  q{'clerk', 'ssn', 'REVEAL'}, qr/"clerk" still has REVEAL on class ssn/, 'by *' ],
	[ [q{'public', '*', 'SEARCH'}, q{'clerk', 'ssn', 'SEARCH'}], q{'clerk', 'ssn', 'SEARCH'}, qr/"clerk" still has SEARCH/, 'by PUBLIC' ],
	[ [q{'clerk', 'ssn', 'REVEAL'}],                             q{'clerk', 'ssn', 'MASK'},   qr/"clerk" still has MASK/, 'MASK by REVEAL' ],
	[ [],                                                        q{'chief', 'ssn', 'REVEAL'},
		qr/"chief" still has REVEAL on class ssn\nDETAIL:  The role is a superuser/, 'superuser' ],
	[ [q{'clerk', 'ssn', 'REVEAL'}],                             q{'clerk', 'ssn', 'REVEAL'}, '', 'none when it was the only one' ],
	[ [q{'clerk', '*', 'REVEAL'}],                               q{'clerk', '*', 'REVEAL'},   '',
		'none when it was the only one, for all classes' ],
	[ [],                                                        q{'public', '*', 'MASK'},    '', 'none for MASK of PUBLIC' ]);
foreach my $case (@still)
{
	again(@{ $case->[0] });
	warns("SELECT pii_revoke($case->[1])", $case->[2], "pii_revoke warns: $case->[3]");
}
again(q{'clerk', 'ssn', 'REVEAL'}, q{'clerk', 'name', 'REVEAL'}, q{'clerk', 'name', 'SEARCH'});
admin(q{SELECT pii_revoke('clerk', '*', 'REVEAL')});
$node->gives($grants, "clerk|name|SEARCH|t\npublic|*|MASK|t", 'pii_revoke of * takes the grants of all classes');
again(q{'clerk', 'ssn', 'REVEAL'}, q{'clerk', 'name', 'REVEAL'}, q{'clerk', '*', 'REVEAL'});
$node->gives($grants, "clerk|*|REVEAL|t\npublic|*|MASK|t", 'pii_grant of * takes the place of grants of classes');

# Many grants at the same time
my @sessions = map { $node->background_psql('postgres') } 1 .. 2;
$sessions[0]->query_safe(q{BEGIN; SELECT pii_grant('clerk', 'ssn', 'REVEAL')});
$sessions[1]->query_safe(q{SELECT pii_grant('clerk', 'name', 'MASK')});
$sessions[0]->query_safe('COMMIT');
$node->gives(q{SELECT class, privilege FROM pii_privileges WHERE role = 'clerk' ORDER BY 1, 2}, "*|REVEAL\nname|MASK\nssn|REVEAL",
	'two sessions grant at the same time');
$_->quit foreach @sessions;

# The owner of the database is a member of pg_database_owner, as long as he owns it.
admin(q{SELECT pii_revoke('clerk', '*', 'ALL'), pii_grant('pg_database_owner', 'ssn', 'REVEAL'); ALTER DATABASE postgres OWNER TO clerk});
my $owner = $node->background_psql('postgres', extra_params => [ '-U', 'clerk' ]);
is($owner->query_safe($read), $plain, 'the owner of the database, by pg_database_owner');
admin('ALTER DATABASE postgres OWNER TO officer');
is($owner->query_safe($read), $masked, 'no longer when another one owns it');
$owner->quit;
admin(q{SELECT pii_revoke('pg_database_owner', '*', 'ALL')});

# Who may write all tables does not write these, not even for a moment: what a function of the statement reads by then
admin(q{CREATE ROLE hoarder LOGIN; GRANT pg_write_all_data, pg_read_all_data TO hoarder; CREATE SCHEMA hoarder AUTHORIZATION hoarder; SELECT pii_revoke('public', 'ssn', 'MASK')});
$node->safe_psql('postgres', q{CREATE FUNCTION hoarder.look() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called'; RETURN 5; END $$}, extra_params => [ '-U', 'hoarder' ]);
foreach my $write (q{INSERT INTO pii_privilege SELECT 'hoarder'::regrole, 4, 'REVEAL' UNION ALL SELECT 'hoarder'::regrole, hoarder.look(), 'REVEAL'},
	q{DELETE FROM pii_public_privilege WHERE privilege = 'MASK' RETURNING hoarder.look()}, q{UPDATE pii_public_privilege SET is_granted = true RETURNING hoarder.look()})
{
	$node->fails($write, '42501', qr/permission denied for table pii_\w*privilege/, $write, user => 'hoarder');
	my (undef, undef, $told) = $node->sql($write, user => 'hoarder');
	unlike($told, qr/called/, 'and before anything else is called');
}
admin(q{SELECT pii_grant('public', 'ssn', 'MASK')});

# Without the extension's table there is nothing to look up, and nobody but superusers sees anything.
$node->gives("BEGIN; ALTER EXTENSION pii DROP TABLE $_; ALTER TABLE $_ RENAME TO gone; SET LOCAL ROLE clerk; $read; ROLLBACK", '[ssn]',
	"without the table $_, a session fails closed") foreach qw(pii_privilege pii_public_privilege);

done_testing();
