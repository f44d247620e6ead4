# AdoptionLoad is an application that works while its table is adopted: pgbench, with statements as simple queries and as
# prepared ones that outlive every change of the table. Whatever fails, but for connections that are lost, is a finding.
#
# What it writes to `customers` it writes to `twin`, too, in the same transaction, as hashes: so every snapshot has both the
# values and what they must be, and no value lies anywhere else.

package AdoptionLoad;

use strict;
use warnings;

use parent 'RotationLoad';

# Statements read columns as text: PostgreSQL itself refuses a prepared statement whose result changes its type.
my $tables = <<'SQL';
CREATE TABLE customers (id bigint PRIMARY KEY, ssn text, email varchar(80), zip char(5), note text, touched int NOT NULL DEFAULT 0);
CREATE TABLE twin (id bigint PRIMARY KEY, ssn text, email text, zip text, touched int NOT NULL DEFAULT 0);
CREATE SEQUENCE ids;
CREATE FUNCTION ssn_of(id bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT (512000000 + id)::text $$;
CREATE FUNCTION email_of(id bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT concat('u', id, '@example.org') $$;
CREATE FUNCTION zip_of(id bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT left((9000 + id)::text, 4 + (id % 2)::int) $$;
CREATE FUNCTION must(is_right boolean, what text, id bigint) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN IF is_right IS NOT TRUE THEN RAISE EXCEPTION 'wrong answer: %, id %', what, id; END IF; END $$;
CREATE ROLE app LOGIN;
GRANT ALL ON customers, twin, ids TO app;
SELECT pii_grant('app', c, p) FROM unnest('{ssn,email,postcode}'::text[]) c, unnest('{REVEAL,SEARCH}'::text[]) p;
SQL

# What is wrong with a row; true for none.
our $IS_RIGHT = 'md5(c.ssn::text) = t.ssn AND md5(c.email::text) = t.email AND md5(c.zip::text) = t.zip AND c.touched = t.touched';

# Weight and text. Ids: {stable} keeps its ssn, {kept} is never deleted, {gone} may be deleted.
my %scripts = (
	read => [ 20, qq{{kept}SELECT must(count(*) = 1 AND bool_and($IS_RIGHT), 'read', :id) FROM customers c JOIN twin t USING (id) WHERE id = :id;} ],
	read_twice => [ 3, qq{{kept}BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT must(count(*) = 1 AND bool_and($IS_RIGHT), 'read', :id) FROM customers c JOIN twin t USING (id) WHERE id = :id;
		SELECT must(count(*) = 1 AND bool_and($IS_RIGHT), 'read again', :id) FROM customers c JOIN twin t USING (id) WHERE id = :id;
		COMMIT;} ],
	cursor => [ 2, q{{kept}BEGIN;
		DECLARE k CURSOR FOR SELECT id, ssn::text FROM customers WHERE id BETWEEN :id AND :id + 5;
		FETCH 2 FROM k;
		FETCH 2 FROM k;
		COMMIT;} ],
	search => [ 1, q{{stable}SELECT must(count(*) = 1 AND min(id) = :id, 'search', :id) FROM customers WHERE ssn = {ssn};} ],
	insert => [ 6, q{{new}BEGIN;
		INSERT INTO customers (id, ssn, email, zip) VALUES (:id, {ssn}, {email}, '0123');
		INSERT INTO twin (id, ssn, email, zip) VALUES (:id, md5({ssn}), md5({email}), md5('0123'));
		COMMIT;} ],
	update_ssn => [ 6, q{{moving}BEGIN;
		UPDATE customers SET ssn = {other} WHERE id = :id;
		UPDATE twin SET ssn = md5({other}) WHERE id = :id;
		COMMIT;} ],
	update_returning => [ 4, q{{kept}BEGIN;
		WITH w AS (UPDATE customers SET email = {email} WHERE id = :id RETURNING email::text AS email)
			SELECT must(count(*) = 1 AND bool_and(email = {email}), 'returning', :id) FROM w;
		UPDATE twin SET email = md5({email}) WHERE id = :id;
		COMMIT;} ],
	update_other => [ 6, q{{kept}BEGIN;
		UPDATE customers SET touched = touched + 1 WHERE id = :id;
		UPDATE twin SET touched = touched + 1 WHERE id = :id;
		COMMIT;} ],
	delete => [ 3, q{{gone}BEGIN;
		DELETE FROM customers WHERE id = :id;
		DELETE FROM twin WHERE id = :id;
		COMMIT;} ]);

sub _write_scripts
{
	my ($directory, $mode, $rows) = @_;
	my %id = (
		stable => '\set id random(1, ' . $rows * 0.5 . ')',
		moving => '\set id random(' . ($rows * 0.5 + 1) . ', ' . $rows * 0.9 . ')',
		kept   => '\set id random(1, ' . $rows * 0.9 . ')',
		gone   => '\set id random(' . ($rows * 0.9 + 1) . ", $rows)",
		new    => q{SELECT nextval('ids') AS id \gset});
	my %value =
	  $mode eq 'prepared'
	  ? (ssn => ':ssn::text', email => q{concat('u', :id::text, '@example.org')}, other => ':other::text')
	  : (ssn => q{':ssn'},    email => q{'u:id@example.org'},                     other => q{':other'});
	my @options;
	foreach my $name (sort keys %scripts)
	{
		my ($weight, $text) = @{ $scripts{$name} };
		$text =~ s/\A\{(\w+)\}//;
		my $sets = "$id{$1}\n\\set ssn 512000000 + :id\n\\set other random(600000000, 899999999)\n";
		$text =~ s/\{(\w+)\}/$value{$1}/g;
		$text =~ s/^\s+//mg;
		my $path = "$directory/$mode-$name.sql";
		open my $file, '>', $path or die "$path: $!";
		print $file "$sets$text\n";
		close $file;
		push @options, '-f', "$path\@$weight";
	}
	return @options;
}

# Makes the tables with `rows` rows. Other parameters as of RotationLoad.
sub prepared
{
	my ($class, $node, %params) = @_;
	my $self = bless {
		node => $node, clients => 3, rate => 100, runs => [], findings => [], transactions => 0, statements => 0, starts => 0, %params }, $class;
	mkdir $self->{directory};
	$node->safe_psql('postgres', $tables);
	$node->safe_psql('postgres', qq{ALTER SEQUENCE ids RESTART $self->{rows}; SELECT nextval('ids');
		INSERT INTO customers SELECT i, ssn_of(i), email_of(i), zip_of(i), repeat('note ', 10) FROM generate_series(1, $self->{rows}) i;
		INSERT INTO twin SELECT id, md5(ssn), md5(email), md5(zip::text) FROM customers});
	$node->safe_psql('postgres', 'VACUUM ANALYZE customers, twin');
	$self->{options}{$_} = [ _write_scripts($self->{directory}, $_, $self->{rows}) ] foreach qw(simple prepared);
	return $self;
}

sub start
{
	my ($self) = @_;
	foreach my $mode (qw(simple prepared))
	{
		$self->_run("pgbench, $mode", 'pgbench', '-n', '-c', $self->{clients}, '-j', 1, '-T', 86400, '-R', $self->{rate}, '-M', $mode,
			@{ $self->{options}{$mode} }, $self->{node}->connstr('postgres') . ' user=app application_name=load');
	}
	++$self->{starts};
	return;
}

# The number of rows that are not as the twin says, as SQL.
sub wrong_rows
{
	return "SELECT count(*) FROM customers c FULL JOIN twin t USING (id) WHERE ($IS_RIGHT) IS NOT TRUE";
}

sub check
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	Test::More::is(join("\n", @{ $self->{findings} }), '', "$name: no statement failed, none gave a wrong answer");
	$self->{node}->gives(wrong_rows(), '0', "$name: every row is as the twin says");
	return;
}

1;
