# A canary is a value that nobody has a reason to read. It behaves as any other, but whoever reveals it is reported in the
# server log, and is not told.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use AuditLines;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "log_statement = none\nlog_min_messages = warning\n");
my ($canary, $value) = ('900-66-6666', '900-00-1000');
$node->safe_psql('postgres', qq{
	CREATE ROLE clerk LOGIN;
	CREATE ROLE boss LOGIN;
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn));
	INSERT INTO people VALUES (1, '$value'), (2, pii_seal_canary('$canary', 'ssn')), (3, '900-00-1002');
	CREATE INDEX ON people (pii_blind_index(ssn));
	GRANT ALL ON people TO clerk, boss;
	SELECT pii_grant('boss', 'ssn', 'REVEAL'), pii_grant('boss', 'ssn', 'SEARCH')});

my %sessions;

# reports STATEMENT, NUMBER OF WARNINGS, NAME, PARAMETERS: user, fails. With pii.audit off, so that there is nothing else.
sub reports
{
	my ($statement, $number, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $user = $params{user} // 'boss';
	my $session = $sessions{$user} //= WireSession->connected($node, user => $user);
	$session->run('SET client_min_messages = debug5') unless $params{quiet};
	my $told = () = $session->notices;
	my ($rows, $error);
	my $offset = $node->log_size;
	my @lines = audit_lines($node, sub { ($rows, $error) = $session->query($statement) });
	is(scalar @lines, $number, "$name: number of reports");
	is(join(' ', map { $_->{severity} } @lines), join(' ', ('WARNING') x $number), "$name: they are warnings");
	my @notices = map { $_->{M} } grep { $_->{M} =~ /pii|audit|canary|honey/i } ($session->notices)[ $told .. scalar(() = $session->notices) - 1 ];
	is("@notices", '', "$name: the client is not told");
	unlike($node->log_since($offset), qr/\Q$canary\E/, "$name: the value is not in the log");
	like($error // 'none', $params{fails} // qr/^none$/, "$name: it fails or not");
	return ($rows, @lines);
}

# ---------------------------------------------------------------------------------------------------------------------
# What is reported

my ($rows, $line) = reports('SELECT ssn FROM people', 1, 'SELECT');
is_deeply([ sort @$rows ], [ $value, '900-00-1002', $canary ], 'a canary reads as any other value');
is(short_of($line), 'reveal ssn public.people 1 allowed', 'the report says what and where');
is("$line->{session_user} $line->{logged_as}", 'boss WARNING', 'and who, with severity WARNING');
is_deeply($line->{key_versions}, [1], 'and the key version');
reports('SELECT pii_reveal(ssn) FROM people WHERE id = 2', 1, 'pii_reveal');
reports('SELECT pii_try_reveal(ssn) FROM people WHERE id = 2', 1, 'pii_try_reveal');
reports('SELECT ssn::pii_text(name) IS NULL FROM people WHERE id = 2', 1, 'a change of class');
reports('SET pii.view = plain; COPY people TO STDOUT; RESET pii.view', 1, 'COPY in plain');
reports('SELECT to_json(p) FROM people p', 1, 'JSON');
reports('SELECT ssn::text FROM people WHERE id = 2', 1, 'a cast');
reports('SELECT length(pii_reveal(ssn)) FROM people, generate_series(1, 3) WHERE id = 2', 3, 'three times');
reports('SELECT pii_reveal(ssn), 1 / (id - 2) FROM people WHERE id = 2', 1, 'a statement that fails', fails => qr/^22012/);
reports('BEGIN; SELECT ssn FROM people; ROLLBACK', 1, 'a transaction that is rolled back');
reports('DO $$ BEGIN PERFORM pii_reveal(ssn) FROM people; EXCEPTION WHEN OTHERS THEN NULL; END $$', 1, 'a function');
reports('SELECT ssn FROM people WHERE id <> 2', 0, 'other values');

# ---------------------------------------------------------------------------------------------------------------------
# What is not

($rows) = reports('SELECT ssn FROM people WHERE id = 2', 0, 'a masked read', user => 'clerk');
is($rows->[0], '***-**-6666', 'its mask');
reports('SELECT pii_reveal(ssn) FROM people WHERE id = 2', 0, 'a refusal', user => 'clerk', fails => qr/^42501/);
reports('SELECT pii_mask(ssn), pii_class_of(ssn), pii_key_version(ssn), pii_is_sealed(ssn), pii_sealed(ssn) IS NOT NULL FROM people', 0, 'functions that show nothing');
($rows) = reports("SELECT id FROM people WHERE ssn = '900 66 6666'", 0, 'a search');
is_deeply($rows, [2], 'it is found');
reports('SELECT id FROM people p JOIN people q USING (id) WHERE p.ssn = q.ssn', 0, 'a join');
reports('COPY people TO STDOUT', 0, 'COPY of sealed text');
reports('SELECT count(*) FROM (SELECT DISTINCT ssn FROM people) AS t; ANALYZE people', 0, 'DISTINCT, ANALYZE');
reports('CREATE TEMP TABLE copied AS SELECT id, ssn FROM people', 0, 'a copy');
reports('SELECT id FROM copied WHERE pii_reveal(ssn) IS NOT NULL', 1, 'the copy has it');
reports("CALL pii_verify_column('people', 'ssn')", 0, 'verification', user => getpwuid($<));
reports("UPDATE people SET ssn = pii_rewrap(ssn)", 0, 'rewrapped');
reports('SELECT ssn FROM people', 1, 'rewrapped, it is still one');
$node->fails("SELECT pii_seal_canary('x', 'ssn')", '42501', qr/permission denied/, 'not everybody makes canaries', user => 'boss');

# ---------------------------------------------------------------------------------------------------------------------
# How it is logged

foreach my $level (qw(debug5 notice warning error log))
{
	$node->safe_psql('postgres', "ALTER ROLE boss SET log_min_messages = $level");
	$sessions{boss}->quit;
	delete $sessions{boss};
	(undef, $line) = reports('SELECT ssn FROM people', 1, "log_min_messages = $level", quiet => 1);
	is($line->{logged_as}, $level =~ /error|log/ ? 'LOG' : 'WARNING', "log_min_messages = $level: how the report is logged");
}
$node->safe_psql('postgres', q{ALTER ROLE boss RESET log_min_messages; ALTER ROLE boss SET pii.audit = 'all'});
$sessions{boss}->quit;
delete $sessions{boss};
my @lines = audit_lines($node, sub { ($sessions{boss} = WireSession->connected($node, user => 'boss'))->run('SELECT ssn FROM people') });
is(join(', ', sort map { "$_->{severity} $_->{values}" } @lines), 'INFO 3, WARNING 1', 'with pii.audit, both kinds of lines are written');
foreach my $level (qw(debug5 log notice warning error))
{
	my $session = WireSession->connected($node, user => 'boss', options => "-c client_min_messages=$level");
	$session->run('SELECT ssn FROM people');
	is(join(' ', grep { /pii|audit|canary|honey/ } map { $_->{M} } $session->notices), '', "client_min_messages = $level: the client is not told");
	is(($session->run('SHOW client_min_messages'))[0], $level, "client_min_messages = $level: the setting stays");
	$session->quit;
}
$node->safe_psql('postgres', q{ALTER ROLE boss RESET pii.audit});

# ---------------------------------------------------------------------------------------------------------------------
# Dump and restore, and what others can tell

my $dump = $node->root_dir . '/people.sql';
$_->quit foreach values %sessions;
%sessions = ();
@lines = audit_lines($node, sub { $node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump') });
is(scalar @lines, 0, 'a dump reveals none');
@lines = audit_lines($node, sub {
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'restore');
});
is(scalar @lines, 0, 'nor does a restore');
@lines = audit_lines($node, sub { $node->safe_psql('restored', 'SELECT ssn FROM people') });
is(join(' ', map { "$_->{severity} $_->{table}" } @lines), 'WARNING public.people', 'a canary survives dump and restore');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT length(pii_sealed(ssn))) FROM people'), 1, 'it is as long as others');

$node->stop;
done_testing();
