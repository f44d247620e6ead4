# pii_reload_keyring() tells what it took away and who still needs it, waits for nobody, and what runs meanwhile goes on:
# statements, cursors, prepared plans, parallel scans, and other reloads.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use Test::More;
use WireSession;

local $SIG{ALRM} = sub { die "the test hangs\n" };
alarm 300;

my $node = RotatingServer->started('main', conf => "autovacuum = off\nmax_connections = 40\n");
my $keyring = $node->keyring;

sub set_status
{
	my ($purpose, $version, $status, $domain) = @_;
	my $data = read_keyring($keyring);
	my $key = $data->{domains}{ $domain // 'default' }{$purpose}{keys}{$version};
	$key->{status} = $status;
	delete $key->{key} if $status eq 'destroyed';
	write_keyring($keyring, $data);
	return;
}

# What a reload says, without the places in the source.
sub told
{
	my (%params) = @_;
	my $messages = $node->reload_keyring(%params);
	$messages =~ s/^LOCATION:.*\n//mg;
	$messages =~ s/^psql:\S+ //mg;
	return $messages;
}

# ---------------------------------------------------------------------------------------------------------------------
# What is lost, and who needs it

$node->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), email pii_text(email),
		k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE);
	CREATE INDEX by_ssn ON people (pii_blind_index(ssn));
	INSERT INTO people SELECT i, '912-00-' || to_char(i, 'FM0000'), 'e' || i FROM generate_series(1, 1000) i;
	CREATE MATERIALIZED VIEW copied AS SELECT id, ssn FROM people;
	CREATE TABLE kept (id int, note pii_text)});
is(told(), '', 'a reload of the same keyring says nothing');
$node->rotate($_) foreach qw(seal blind_index);
is(told(), '', 'nor does one that adds and promotes');
my $back = "HINT:  Bring the version back as it was (pii-keyring enable) and reload. CALL pii_rewrap_column() moves values to the primary version.";
my %lost = (disabled => 'is disabled', destroyed => 'is destroyed');
my $good = read_keyring($keyring);
foreach my $purpose (qw(seal blind_index))
{
	foreach my $status (sort keys %lost)
	{
		set_status($purpose, 1, $status);
		like(told(), qr/\AWARNING:  01000: $purpose key version 1 of domain "default" $lost{$status}, and (?:column (?:people|copied)|index by_ssn)\S* still needs it\n\Q$back\E/,
			"$purpose, $lost{$status}: a warning, once");
		is(told(), '', "$purpose, $lost{$status}: known by now");
		$node->fails('SELECT ssn FROM people WHERE id = 1', '55000', qr/key version 1 of domain "default" (?:is|was) $status/, "$purpose, $lost{$status}: a value cannot be read")
		  if $purpose eq 'seal';
		write_keyring($keyring, $good);
		is(told(), '', "$purpose: taken back");
		$node->gives(q{SELECT ssn, email FROM people WHERE ssn = '912-00-0077'}, '912-00-0077|e77', "$purpose: all is there again");
	}
}
my $without = read_keyring($keyring);
delete $without->{domains}{default}{$_}{keys}{1} foreach qw(seal blind_index);
write_keyring($keyring, $without);
my $both = told();
like($both, qr/WARNING:  01000: $_ key version 1 of domain "default" is not in the keyring any more, and \S+ \S+ still needs it/, "taken out of the file: $_") foreach qw(seal blind_index);
write_keyring($keyring, $good);
told();

# By a signal the log tells.
set_status('seal', 1, 'disabled');
my $offset = $node->log_size;
$node->reload;
$node->wait_for_log(qr/LOG:  pii: seal key version 1 of domain "default" is disabled\n.*DETAIL:  .*\n.*HINT:  pii_column_status\(\) counts/, $offset);
pass('a reload by signal tells it in the log');
write_keyring($keyring, $good);
told();

# Values in a database that this session does not see, in a domain that this database does not use, and where it may not look
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pii; CREATE TABLE t (note pii_text)');
set_status('seal', 1, 'disabled');
like(told(dbname => 'other'), qr/\ANOTICE:  00000: seal key version 1 of domain "default" is disabled; no column of this database that you may read needs it/, 'a database that does not need it');
write_keyring($keyring, $good);
told();
pii_keyring('domain', 'add', $keyring, 'hr');
$good = read_keyring($keyring);
told();
my $hr = read_keyring($keyring);
delete $hr->{domains}{hr};
write_keyring($keyring, $hr);
like(told(), qr/\AWARNING:  01000: (?:seal|blind_index) key version 1 of domain "hr" .*\nDETAIL:  No process has used it since the server started\.\nHINT:  Not everything was looked at\./, 'another domain');
write_keyring($keyring, $good);
told();
$node->safe_psql('postgres', q{CREATE ROLE operator LOGIN; GRANT EXECUTE ON FUNCTION pii_reload_keyring() TO operator});
set_status('seal', 1, 'disabled');
like(told(user => 'operator'), qr/NOTICE:  00000: seal key version 1 .*; no column of this database that you may read needs it/, 'who may read no column');
write_keyring($keyring, $good);
told();

# Nobody's operator is called with the rights of who reloads.
$node->safe_psql('postgres', 'GRANT CREATE ON SCHEMA public TO operator');
$node->safe_psql('postgres', q{CREATE FUNCTION not_less(oid, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN false; END $$;
	CREATE OPERATOR >= (LEFTARG = oid, RIGHTARG = int, FUNCTION = not_less)}, extra_params => [ '-U', 'operator' ]);
set_status('seal', 1, 'disabled');
my $with_operator = told();
unlike($with_operator, qr/called as/, 'an operator of somebody else is not called');
like($with_operator, qr/and column (?:people|copied)\S* still needs it/, 'and hides nothing');
$node->safe_psql('postgres', 'DROP FUNCTION not_less CASCADE; REVOKE CREATE ON SCHEMA public FROM operator');
write_keyring($keyring, $good);
told();

$node->safe_psql('postgres', 'CREATE SCHEMA operator AUTHORIZATION operator');
$node->safe_psql('postgres', q{CREATE FUNCTION operator.fold(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'x'; END $$;
	CREATE TABLE operator.indexed (email text, ssn pii_text(ssn)); CREATE INDEX ON operator.indexed ((operator.fold(1) || email));
	CREATE INDEX ON operator.indexed (email) WHERE email <> operator.fold(2)}, extra_params => [ '-U', 'operator' ]);
set_status($_, 1, 'disabled') foreach qw(seal blind_index);
my $with_index = told();
like($with_index, qr/called as operator/, 'the expression of an index is evaluated');
unlike($with_index, qr/called as (?!operator)/, 'as the owner of the table');
$node->safe_psql('postgres', 'DROP SCHEMA operator CASCADE');
write_keyring($keyring, $good);
told();

# A table that somebody holds is not waited for.
my $holder = WireSession->connected($node);
$holder->run('BEGIN; REFRESH MATERIALIZED VIEW copied; LOCK people');
set_status('seal', 1, 'disabled');
like(told(), qr/WARNING:  01000: seal key version 1 of domain "default" is disabled\nDETAIL:  .*\nHINT:  Not everything was looked at/, 'tables that are locked');
$holder->run('ROLLBACK');
write_keyring($keyring, $good);
told();

# Moved to the new versions: nothing is needed any more, but a guard is.
$node->safe_psql('postgres', q{CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', 2)); REFRESH MATERIALIZED VIEW copied});
is(($node->rewrap('people', $_))[0], 0, "$_ is moved") foreach qw(ssn email);
$node->safe_psql('postgres', 'REFRESH MATERIALIZED VIEW copied');
set_status($_, 1, 'disabled') foreach qw(seal blind_index);
my $unneeded = told();
like($unneeded, qr/NOTICE:  00000: $_ key version 1 of domain "default" is disabled; no column of this database that you may read needs it/, "nothing needs version 1: $_") foreach qw(seal blind_index);
unlike($unneeded, qr/WARNING/, 'without a warning');
my $first = read_keyring($keyring);
$node->rotate('blind_index');
is(($node->rewrap('people', $_))[0], 0, "$_ is moved again") foreach qw(ssn email);
$good = read_keyring($keyring);
set_status('blind_index', 2, 'disabled');
like(told(), qr/WARNING:  01000: blind_index key version 2 of domain "default" is disabled, and index guard still needs it/, 'an index that is pinned to a version');
$node->fails(q{INSERT INTO people VALUES (5000, 'x', 'y')}, '55000', qr/blind index key version 2 of domain "default" is disabled/, 'which writes tell, too');
$node->safe_psql('postgres', 'DROP INDEX guard');
$node->succeeds(q{INSERT INTO people VALUES (5000, 'x', 'y'); DELETE FROM people WHERE id = 5000}, 'without it they go on');
is(told(), '', 'and a reload says nothing');

# ---------------------------------------------------------------------------------------------------------------------
# Who may, and where

$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
my $loaded = $node->loaded_at;
$node->fails('SELECT pii_reload_keyring()', '42501', qr/permission denied for function pii_reload_keyring/, 'not everybody may', user => 'nobody');
is($node->loaded_at, $loaded, 'and nothing was loaded');
$node->succeeds('SELECT pii_reload_keyring()', 'who was granted it may', user => 'operator');
isnt($node->loaded_at, $loaded, 'and it was loaded');
foreach my $sql ('BEGIN; SELECT pii_reload_keyring(); ROLLBACK', 'BEGIN READ ONLY; SELECT pii_reload_keyring(); COMMIT', 'DO $$ BEGIN PERFORM pii_reload_keyring(); END $$',
	'SELECT pii_reload_keyring() FROM generate_series(1, 3)', 'SET default_transaction_isolation = serializable; SELECT pii_reload_keyring()')
{
	$loaded = $node->loaded_at;
	$node->succeeds($sql, $sql);
	isnt($node->loaded_at, $loaded, 'it is not undone, and asks for nothing');
}

# A keyring that is not good changes nothing.
$good = read_keyring($keyring);
my $was = $node->safe_psql('postgres', 'SELECT string_agg(concat_ws(\':\', domain, purpose, key_version, status, is_primary, check_value), \' \' ORDER BY 1) FROM pii_keyring');
my $text = slurp_file($keyring);
my %bad = (
	'half a file'   => sub { write_private($keyring, substr($text, 0, length($text) / 2)) },
	'an empty file' => sub { write_private($keyring, '') },
	'no file'       => sub { unlink $keyring },
	'a file for all' => sub { write_private($keyring, $text, 0644) },
	'a primary that is disabled' => sub { my $k = read_keyring($keyring); $k->{domains}{default}{seal}{primary} = 1; write_keyring($keyring, $k) });
foreach my $what (sort keys %bad)
{
	$bad{$what}->();
	my $error = $node->fails('SELECT pii_reload_keyring()', 'F0000', qr/keyring refused, the one that was loaded stays in use\nDETAIL:  .*\nHINT:  Correct it and reload again/, "$what is refused");
	my @keys = map { $_->{key} // () } map { values %{ $good->{domains}{default}{$_}{keys} } } qw(seal blind_index);
	unlike($error, qr/\Q$_\E/, "$what: no key in the message") foreach substr($keys[0], 0, 20);
	$node->gives('SELECT string_agg(concat_ws(\':\', domain, purpose, key_version, status, is_primary, check_value), \' \' ORDER BY 1) FROM pii_keyring', $was, "$what: the keys are what they were");
	$node->gives(q{SELECT id FROM people WHERE ssn = '912-00-0077'}, '77', "$what: and in use");
	$node->gives('SELECT count(*) FROM pii_keyring WHERE last_error IS NULL', '0', "$what: the view tells of it");
	write_private($keyring, $text);
	is(told(), '', "$what: corrected");
}

# ---------------------------------------------------------------------------------------------------------------------
# What runs meanwhile

my ($one, $two) = map { WireSession->connected($node) } 1 .. 2;
my @all = map { sprintf q{'912-00-%04d'}, $_ } 1 .. 200;
my $list = join ', ', @all;

# Cursors that were opened before: they see the rows of their time, by indexes that have since moved.
$one->run(qq{BEGIN; SET LOCAL enable_seqscan = off;
	DECLARE by_index CURSOR FOR SELECT id FROM people WHERE ssn IN ($list);
	DECLARE by_order CURSOR FOR SELECT id FROM people WHERE email = 'e5' OR ssn IN ($list) ORDER BY id;
	DECLARE reading CURSOR FOR SELECT id, pii_reveal(ssn) FROM people WHERE id <= 200;
	DECLARE unopened CURSOR FOR SELECT id FROM people WHERE ssn IN ($list)});
my %fetched = map { $_ => [ $one->run("FETCH 10 FROM $_") ] } qw(by_index by_order reading);
$node->rotate($_) foreach qw(seal blind_index);
my ($primary) = $node->versions('blind_index');
$node->safe_psql('postgres', "CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', $primary))");
is(($node->rewrap('people', $_))[0], 0, "$_ is moved while cursors are open") foreach qw(ssn email);
push @{ $fetched{$_} }, $one->run("FETCH 100 FROM $_") foreach sort keys %fetched;
is(scalar(() = $one->run('FETCH ALL FROM unopened')), 200, 'a cursor that is read for the first time finds all');
push @{ $fetched{$_} }, $one->run("FETCH ALL FROM $_") foreach sort keys %fetched;
$one->run('COMMIT');
foreach my $cursor (sort keys %fetched)
{
	my %seen = map { $_ => 1 } @{ $fetched{$cursor} };
	is(scalar(@{ $fetched{$cursor} }) . ' ' . scalar(keys %seen), '200 200', "a cursor over a rotation: every row once, $cursor");
}
is((grep { !/\A(\d+)\|912-00-0*\1\z/ } @{ $fetched{reading} }), 0, 'a cursor over a rotation: every value');
$node->finish_rotation($_) foreach qw(seal blind_index);
$node->safe_psql('postgres', 'DROP INDEX guard');

# Prepared statements, whose plans hold what was computed of the keys before: in a session that does nothing else
$one->run(q{SET plan_cache_mode = force_generic_plan;
	PREPARE search(text) AS SELECT id FROM people WHERE ssn = $1;
	PREPARE constant AS SELECT id FROM people WHERE ssn = '912-00-0042';
	PREPARE hash AS SELECT pii_key_version(pii_blind_index('912-00-0042'::pii_text));
	PREPARE store(int, text) AS INSERT INTO people (id, ssn) VALUES ($1, $2) RETURNING pii_key_version(ssn);
	PREPARE store_constant(int) AS INSERT INTO people (id, ssn) VALUES ($1, '912-99-9999') RETURNING pii_key_version(ssn);
	CREATE FUNCTION store_by_function(id int) RETURNS int LANGUAGE plpgsql AS $$
		DECLARE v int; BEGIN INSERT INTO people (id, ssn) VALUES (id, '912-99-9998') RETURNING pii_key_version(ssn) INTO v; RETURN v; END $$});
sub prepared_follow
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($seal)  = $node->versions('seal');
	my ($index) = $node->versions('blind_index');
	is(join(' ', map { $one->run($_) } q{EXECUTE search('912000042')}, 'EXECUTE constant'), '42 42', "$name: prepared searches");
	is(($one->run('EXECUTE hash'))[0], $index, "$name: a hash that was computed with the plan");
	is(join(' ', map { $one->run($_) } q{EXECUTE store(9001, 'x')}, 'EXECUTE store_constant(9002)', 'SELECT store_by_function(9003)'), "$seal $seal $seal", "$name: prepared writes");
	is(join(' ', $one->run(q{SELECT id FROM people WHERE ssn IN ('912-99-9999', '912-99-9998') ORDER BY id})), '9002 9003', "$name: which are found");
	$one->run('DELETE FROM people WHERE id > 9000');
	return;
}
prepared_follow('at first');
foreach my $purpose (qw(seal blind_index))
{
	my $version = $node->add_version($purpose);
	$node->reload_keyring;
	prepared_follow("$purpose: added");
	$node->promote_version($purpose, $version);
	$node->reload_keyring;
	prepared_follow("$purpose: promoted");
}
$node->safe_psql('postgres', 'CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, \'exact\', ' . ($node->versions('blind_index'))[0] . '))');
is(($node->rewrap('people', $_))[0], 0, "$_ is moved under prepared statements") foreach qw(ssn email);
prepared_follow('rewrapped');
$node->finish_rotation($_) foreach qw(seal blind_index);
prepared_follow('old versions disabled');

# Scans, parallel ones too, and many reloads at once: by one keyring or the other, and each a good one.
$node->safe_psql('postgres', q{CREATE TABLE many (id int, ssn pii_text(ssn)); INSERT INTO many SELECT i, '912-00-' || to_char(i, 'FM00000') FROM generate_series(1, 30000) i; ANALYZE many});
my %keyring_of = (plain => slurp_file($keyring));
$node->add_version($_) foreach qw(seal blind_index);
$keyring_of{added} = slurp_file($keyring);
my $parallel = 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0';
$_->run($parallel) foreach $one, $two;
like(join("\n", $one->run('EXPLAIN SELECT count(*) FROM many WHERE pii_reveal(ssn) LIKE \'912%\'')), qr/Workers Planned/, 'a parallel scan');
my @reloading = map { WireSession->connected($node) } 1 .. 3;
my ($scans, $reloads, @wrong) = (0, 0);
foreach my $round (1 .. 15)
{
	$one->begin(q{SELECT count(*) FROM many WHERE pii_reveal(ssn) = '912-00-' || to_char(id, 'FM00000')});
	$two->begin(q{SELECT count(*) FROM (SELECT ssn FROM many WHERE id <= 5000 GROUP BY ssn) s});
	foreach my $name (qw(added plain) x 3)
	{
		write_private("$keyring.new", $keyring_of{$name});
		rename "$keyring.new", $keyring or die $!;
		$_->begin('SELECT pii_reload_keyring() FROM generate_series(1, 5)') foreach @reloading;
		foreach my $session (@reloading)
		{
			my (undef, $error) = $session->finish;
			push @wrong, $error if defined $error;
			$reloads += 5;
		}
	}
	foreach my $case ([ $one, '30000' ], [ $two, '5000' ])
	{
		my ($rows, $error) = $case->[0]->finish;
		++$scans;
		push @wrong, $error // $rows->[0] if defined $error || $rows->[0] ne $case->[1];
	}
}
is(join("\n", @wrong), '', "$scans scans while the keyring is read $reloads times");
my $enabled = $node->safe_psql('postgres', q{SELECT count(*) FROM pii_keyring WHERE purpose = 'seal' AND status = 'enabled' AND domain = 'default'});
is($enabled, '1', 'the last one that was read is the one in use');
$_->quit foreach $holder, $one, $two, @reloading;

$node->stop;
done_testing();
