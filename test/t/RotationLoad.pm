# RotationLoad is an application that works while its keys rotate and its server is killed: several pgbench with all kinds of
# statements, and sessions that write down what the server has acknowledged. A statement that gives a wrong answer fails;
# whatever fails, but for connections that are lost, is a finding.
#
# Every value follows from the id of its row (ssn_of, email_of), so that every read can be checked. What pgbench inserts it
# inserts into a table without pii, too, in the same transaction.

package RotationLoad;

use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run qw();
use PostgreSQL::Test::Utils qw(slurp_file);
use RotationVerifier qw($CONNECTION_LOST ROWS);
use Test::More ();
use Time::HiRes qw(usleep);
use WireSession;

# ---------------------------------------------------------------------------------------------------------------------
# Tables and statements

my $tables = <<'SQL';
CREATE TABLE people (id bigint PRIMARY KEY, ssn pii_text(ssn), email pii_text(email),
	email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED UNIQUE, touched int NOT NULL DEFAULT 0)
	WITH (fillfactor = 80);
CREATE INDEX people_ssn ON people (pii_blind_index(ssn));
CREATE TABLE twin (id bigint PRIMARY KEY, ssn text, email text);
CREATE SEQUENCE ids;
CREATE FUNCTION ssn_of(id bigint) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$ SELECT (100000000 + id)::text $$;
CREATE FUNCTION email_of(id bigint) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$ SELECT concat('u', id, '@example.org') $$;
CREATE FUNCTION must(is_right boolean, what text, id bigint) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN IF is_right IS NOT TRUE THEN RAISE EXCEPTION 'wrong answer: %, id %', what, id; END IF; END $$;
CREATE FUNCTION must_refuse(existing text, id bigint) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO people VALUES (id, 'x', existing);
		RAISE EXCEPTION 'wrong answer: a duplicate was taken: %', existing;
	EXCEPTION WHEN unique_violation THEN
	END $$;
SQL

# Weight and text. {ssn} and {email} are values of the application: literals, or parameters of prepared statements; of a row that
# is there from the beginning unless the script begins with {any}: of any row, or {new}: of none yet.
my %scripts = (
	read => [ 8, q{SELECT must(count(*) = 1, 'read', :id) FROM people
		WHERE id = :id AND pii_reveal(ssn) = {ssn} AND lower(pii_reveal(email)) = {email};} ],
	show => [ 2, q{SELECT must(ssn::text = {ssn}, 'show', :id) FROM people WHERE id = :id;} ],
	search_ssn   => [ 10, q{{any}SELECT must(count(*) = 1 AND min(id) = :id, 'search by ssn', :id) FROM people WHERE ssn = {ssn};} ],
	search_email => [ 10, q{{any}SELECT must(count(*) = 1 AND min(id) = :id, 'search by email', :id) FROM people WHERE email = {email};} ],
	search_any   => [ 2, q{SELECT must(count(*) = 2, 'search by several', :id) FROM people WHERE ssn IN ({ssn}, ssn_of(:id % 1000 + 19001));} ],
	lock => [ 2, q{{any}BEGIN;
		SELECT must(count(*) = 1, 'search and lock', :id) FROM (SELECT FROM people WHERE email = {email} FOR UPDATE) s;
		UPDATE people SET touched = touched + 1 WHERE id = :id;
		COMMIT;} ],
	touch => [ 4, q{WITH w AS (UPDATE people SET touched = touched + 1 WHERE id = :id RETURNING id)
		SELECT must(count(*) = 1, 'update by id', :id) FROM w;} ],
	touch_by_ssn => [ 4, q{{any}WITH w AS (UPDATE people SET touched = touched + 1 WHERE ssn = {ssn} RETURNING id)
		SELECT must(count(*) = 1 AND min(id) = :id, 'update by ssn', :id) FROM w;} ],
	same_ssn => [ 3, q{WITH w AS (UPDATE people SET ssn = {ssn} WHERE id = :id RETURNING id)
		SELECT must(count(*) = 1, 'update of ssn', :id) FROM w;} ],
	same_email => [ 3, q{{any}WITH w AS (UPDATE people SET email = upper({email}) WHERE email = {email} RETURNING id)
		SELECT must(count(*) = 1 AND min(id) = :id, 'update of email', :id) FROM w;} ],
	upsert_existing => [ 6, q{{any}WITH w AS (INSERT INTO people VALUES (nextval('ids'), 'x', {email})
			ON CONFLICT (email_key) DO UPDATE SET touched = people.touched + 1 RETURNING id)
		SELECT must(count(*) = 1 AND min(id) = :id, 'upsert of an existing email', :id) FROM w;} ],
	ignore_existing => [ 2, q{{any}WITH w AS (INSERT INTO people VALUES (nextval('ids'), 'x', {email}) ON CONFLICT DO NOTHING RETURNING id)
		SELECT must(count(*) = 0, 'insert of an existing email', :id) FROM w;} ],
	duplicate => [ 2, q{{any}SELECT must_refuse({email}, nextval('ids'));} ],
	insert => [ 4, q{{new}
		BEGIN;
		INSERT INTO people VALUES (:id, {ssn}, {email});
		INSERT INTO twin VALUES (:id, {ssn}, {email});
		COMMIT;} ],
	upsert_new => [ 2, q{{new}
		WITH w AS (INSERT INTO people VALUES (:id, {ssn}, {email}) ON CONFLICT (email_key) DO UPDATE SET touched = -1 RETURNING *),
			t AS (INSERT INTO twin SELECT id, {ssn}, {email} FROM w RETURNING id)
		SELECT must(count(*) = 1 AND bool_and(w.id = :id AND touched = 0), 'upsert of a new email', :id) FROM w JOIN t ON t.id = w.id;} ],
	insert_unread => [ 1, q{{new}
		WITH w AS (INSERT INTO people VALUES (:id, {ssn}, {email})), t AS (INSERT INTO twin VALUES (:id, {ssn}, {email})) SELECT 1;} ],
	insert_several => [ 1, q{{new}
		BEGIN;
		INSERT INTO people SELECT i, ssn_of(i), email_of(i) FROM generate_series(1000000000 + 5 * :id, 1000000004 + 5 * :id) i;
		INSERT INTO twin SELECT i, ssn_of(i), email_of(i) FROM generate_series(1000000000 + 5 * :id, 1000000004 + 5 * :id) i;
		COMMIT;} ],
	reinsert => [ 2, q{
		\set id random(19001, 20000)
		\set ssn 100000000 + :id
		BEGIN;
		SELECT pg_advisory_xact_lock(:id);
		WITH w AS (DELETE FROM people WHERE ssn = {ssn} RETURNING id) SELECT must(count(*) = 1 AND min(id) = :id, 'delete by ssn', :id) FROM w;
		INSERT INTO people VALUES (:id, {ssn}, {email});
		COMMIT;} ],
	join => [ 1, q{SELECT must(count(*) = 20 AND bool_and(p.id = t.id), 'join', :id) FROM people p JOIN twin t ON p.ssn = t.ssn
		WHERE t.id BETWEEN :id AND :id + 19;} ],
	group => [ 1, q{SELECT must(count(*) = 20, 'group', :id)
		FROM (SELECT ssn, email FROM people WHERE id BETWEEN :id AND :id + 19 GROUP BY ssn, email) s;} ]);

# The files of pgbench, for one of its modes.
sub _write_scripts
{
	my ($directory, $mode) = @_;
	my @options;
	foreach my $name (sort keys %scripts)
	{
		my ($weight, $text) = @{ $scripts{$name} };
		my %id = (
			new => "SELECT nextval('ids') AS id \\gset",
			any => "SELECT last_value AS newest FROM ids \\gset\n\\set from random(1, :newest)\n"
			  . 'SELECT coalesce((SELECT id FROM twin WHERE id >= :from AND id NOT BETWEEN 19001 AND 20000 ORDER BY id LIMIT 1), 1) AS id \gset');
		my $id = $text =~ s/\{(new|any)\}// ? $id{$1} : '\set id random(1, 19000 - 20)';
		$text = "$id\n\\set ssn 100000000 + :id\n$text";
		my %value =
		  $mode eq 'prepared'
		  ? (ssn => ':ssn::text', email => q{concat('u', :id::text, '@example.org')})
		  : (ssn => q{':ssn'},    email => q{'u:id@example.org'});
		$text =~ s/\{(\w+)\}/$value{$1}/g;
		$text =~ s/^\s+//mg;
		my $path = "$directory/$mode-$name.sql";
		open my $file, '>', $path or die "$path: $!";
		print $file "$text\n";
		close $file;
		push @options, '-f', "$path\@$weight";
	}
	return @options;
}

# ---------------------------------------------------------------------------------------------------------------------
# Beginning and end

# Makes the tables. Parameters: directory, for files of its own; clients and rate (transactions a second) of each pgbench.
sub prepared
{
	my ($class, $node, %params) = @_;
	my $self = bless {
		node => $node, clients => 2, rate => 500, runs => [], findings => [], transactions => 0, statements => 0, starts => 0, %params }, $class;
	mkdir $self->{directory};
	$node->safe_psql('postgres', $tables . 'ALTER SEQUENCE ids RESTART ' . (ROWS + 1) . ';' . q{
		INSERT INTO twin SELECT i, ssn_of(i), email_of(i) FROM generate_series(1, } . ROWS . q{) i;
		INSERT INTO people SELECT id, ssn, email FROM twin; VACUUM ANALYZE people, twin});
	$self->{options}{$_} = [ _write_scripts($self->{directory}, $_) ] foreach qw(simple prepared);
	return $self;
}

# Starts pgbench, and the sessions that verify, against a server.
sub start
{
	my ($self, $node) = @_;
	$self->{node} = $node if defined $node;
	$node = $self->{node};
	foreach my $mode (qw(simple prepared))
	{
		$self->_run("pgbench, $mode", 'pgbench', '-n', '-c', $self->{clients}, '-j', 1, '-T', 86400, '-R', $self->{rate}, '-M', $mode,
			@{ $self->{options}{$mode} }, $node->connstr('postgres') . ' application_name=load');
	}
	$self->_run('verifier', _verifier('verify', $node, $self->{directory}));
	++$self->{starts};
	return;
}

sub _verifier
{
	my ($what, $node, $directory) = @_;
	return ($^X, '-I', dirname(__FILE__), '-MRotationVerifier', '-e', 'RotationVerifier::run(@ARGV)',
		$what, $node->host, $node->port, $directory);
}

sub _run
{
	my ($self, $name, @command) = @_;
	my %run = (name => $name, out => "$self->{directory}/" . ++$self->{runs_started});
	$run{harness} = IPC::Run::start(\@command, '<', '/dev/null', '>&', $run{out});
	push @{ $self->{runs} }, \%run;
	return;
}

# Sessions that read on a standby. They end with it, or with `stop`.
sub start_reading
{
	my ($self, $node) = @_;
	$self->_run('reader', _verifier('verify_reading', $node, $self->{directory}));
	return;
}

# Ends all, or what is left of it after a crash, and takes note of what failed.
sub stop
{
	my ($self) = @_;
	foreach my $run (@{ $self->{runs} })
	{
		# pgbench says how many transactions there were only at an end of its own.
		$run->{harness}->signal('TERM') unless $run->{name} =~ /pgbench/;
	}
	$self->_end_pgbench;
	foreach my $run (@{ $self->{runs} })
	{
		eval { $run->{harness}->finish; 1 } or push @{ $self->{findings} }, "$run->{name}: $@";
		my $out = slurp_file($run->{out});
		$self->{transactions} += $1 while $out =~ /^number of transactions actually processed: (\d+)/mg;
		$self->{statements} += $1 while $out =~ /^did .+: (\d+)/mg;
		push @{ $self->{findings} }, _findings_of($run);
	}
	$self->{runs} = [];
	return;
}

sub _findings_of
{
	my ($run) = @_;
	my $out = slurp_file($run->{out});
	my @complaints = $run->{name} =~ /pgbench/ ? _complaints($out) : grep { !/^did / } split /\n/, $out;
	return map { "$run->{name}: $_" } @complaints;
}

# Waits for a finding of what runs.
sub await_finding
{
	my ($self, $pattern) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if grep { $_ =~ $pattern } map { _findings_of($_) } @{ $self->{runs} };
		usleep(100_000);
	}
	die "no finding like $pattern";
}

# pgbench has no way to end but its time, so its sessions are taken from it.
sub _end_pgbench
{
	my ($self) = @_;
	return unless grep { $_->{name} =~ /pgbench/ } @{ $self->{runs} };
	# After a crash there is no server, and pgbench has ended.
	eval {
		my $session = WireSession->connected($self->{node});
		$session->run(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'load'});
		$session->quit;
	};
	return;
}

# Lines that say something else than that a connection was lost.
sub _complaints
{
	my ($out) = @_;
	my @complaints;
	foreach my $line (split /\n/, $out)
	{
		next if $line =~ $CONNECTION_LOST || $line =~ /\A\s*\z/;
		push @complaints, $line if $line =~ /error|warning|FATAL|PANIC|wrong|DETAIL|HINT|HARD|aborted/i;
		push @complaints, $line if $line =~ /\Anumber of failed transactions: [1-9]/;
	}
	return @complaints;
}

sub findings     { my ($self) = @_; return @{ $self->{findings} }; }
sub transactions { my ($self) = @_; return $self->{transactions}; }

# Of the sessions that verify.
sub statements { my ($self) = @_; return $self->{statements}; }

# Waits until there are so many new rows more.
sub await_rows
{
	my ($self, $count) = @_;
	my $node = $self->{node};
	my $last = $node->safe_psql('postgres', 'SELECT last_value FROM ids');
	$node->poll_query_until('postgres', "SELECT last_value >= $last + $count FROM ids") or die 'the load does not go on';
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# What must be true at the end

sub check
{
	my ($self, $name) = @_;
	my $node = $self->{node};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	Test::More::is(join("\n", @{ $self->{findings} }), '', "$name: no statement failed, none gave a wrong answer");
	$node->gives(q{SELECT count(*) FROM people FULL JOIN twin USING (id)
		WHERE people.id IS NULL OR (twin.id IS NULL AND people.id <= } . ROWS . ')', '0', "$name: every row of the twin is there");
	$node->gives('SELECT count(*) FROM people WHERE pii_reveal(ssn) <> ssn_of(id) OR lower(pii_reveal(email)) <> email_of(id)', '0',
		"$name: every value is right");
	$node->gives('SELECT count(*) - count(DISTINCT lower(pii_reveal(email))) FROM people', '0', "$name: no email is there twice");
	my @acknowledged = split /\n/, slurp_file("$self->{directory}/acknowledged");
	Test::More::cmp_ok(scalar(@acknowledged), '>', 100, "$name: rows were acknowledged");
	$node->gives('SELECT count(*) FROM unnest(ARRAY[' . join(',', @acknowledged) . ']::bigint[]) i WHERE NOT EXISTS (SELECT FROM people WHERE id = i)',
		'0', "$name: no acknowledged row is lost");
	# By the indexes, and by each of them alone.
	$node->gives(q{SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SELECT count(*) = (SELECT count(*) FROM twin)
		FROM twin t CROSS JOIN LATERAL (SELECT id FROM people p WHERE p.ssn = t.ssn) s WHERE s.id = t.id}, 't', "$name: every row is found by ssn, once");
	$node->gives(q{SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SELECT count(*) = (SELECT count(*) FROM twin)
		FROM twin t CROSS JOIN LATERAL (SELECT id FROM people p WHERE p.email = t.email) s WHERE s.id = t.id}, 't', "$name: every row is found by email, once");
	return;
}

1;
