# The whole regression suite at the loudest settings: the log has no value that the suite stored in a sealed column, no literal
# of it that looks like personal data, and none of a thousand others.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use LogMarkers;
use LoudServer;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $source = "$FindBin::Bin/../..";
my ($files) = slurp_file("$source/Makefile") =~ /^REGRESS = (.*)$/m;
my @files = split ' ', $files;
my @thousand = make_markers(1000);

my $trees = join '', map { "debug_print_$_ = on\n" } qw(parse rewritten plan);
my $node = LoudServer->started('main', conf => $trees, keyring => "$source/test/regress/keyring.json");
$node->safe_psql('postgres', 'CREATE DATABASE pii_regression');
my %start = $node->log_ends;

# ---------------------------------------------------------------------------------------------------------------------
# The suite. Before a file drops its tables, and at its end, what they hold is kept in a table of plain text.

my $keep = q{
	CREATE TABLE public.kept (value text);
	CREATE PROCEDURE public.keep() LANGUAGE plpgsql SET search_path = pii_schema, public AS $$
	DECLARE relation regclass; name name;
	BEGIN
		FOR relation, name IN SELECT attrelid, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
			WHERE atttypid = 'pii_text'::regtype AND NOT attisdropped AND relkind = 'r'
		LOOP
			BEGIN
				EXECUTE format('INSERT INTO public.kept SELECT pii_try_reveal(%I) FROM %s', name, relation);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END $$;
};
my %literals;
foreach my $file (@files)
{
	my $sql = slurp_file("$source/sql/$file.sql");
	utf8::decode($sql);
	$literals{$_} = 1 foreach grep { /\d(?:\D?\d){4}|\w@\w/ && length > 6 } $sql =~ /'((?:[^'\n;]|'')*)'/g;
	$sql =~ s/^(?=DROP (?:TABLE|SCHEMA|OWNED))/CALL public.keep();\n/mg;
	# It has a value of 1 GB, whose tree takes PostgreSQL 15 seconds to write.
	local $ENV{PGOPTIONS} = '-c debug_print_plan=off' if $file eq 'errors';
	my ($status, $out, $err) = $node->psql('pii_regression', "$sql\nROLLBACK;\nCALL public.keep();\n", on_error_stop => 0);
	is($status, 0, "$file.sql runs to its end") or diag($err);
	$node->safe_psql('pii_regression', $keep) if $file eq 'setup';
}

# ---------------------------------------------------------------------------------------------------------------------
# A thousand values

$node->safe_psql('pii_regression', 'CREATE TABLE thousand (id serial PRIMARY KEY, name pii_schema.pii_text(name)); CREATE INDEX ON thousand (pii_schema.pii_blind_index(name))');
my $session = WireSession->connected($node, dbname => 'pii_regression');
foreach my $i (0 .. $#thousand)
{
	my $value = $thousand[$i]{value};
	my $literal = literal($value);
	if ($i % 4 == 0)
	{
		$session->run("INSERT INTO thousand (name) VALUES ($literal)");
		$session->run("SELECT id FROM thousand WHERE name = $literal");
	}
	elsif ($i % 4 == 1)
	{
		$session->execute('INSERT INTO thousand (name) VALUES ($1)', [WireSession::UNKNOWN], [$value]);
		$session->execute('SELECT id FROM thousand WHERE name = $1', [ WireSession::TEXT ], [$value]);
	}
	elsif ($i % 4 == 2)
	{
		(my $line = $value) =~ s/([\\\n])/$1 eq "\n" ? '\\n' : '\\\\'/ge;
		$session->copy_in('COPY thousand (name) FROM STDIN', "$line\n");
		$session->query("INSERT INTO thousand VALUES (NULL, $literal)");
	}
	else
	{
		$session->query("INSERT INTO thousand (name) VALUES (E$literal, 1)");
		$session->query("SELECT ${literal}::int");
		$session->run("SELECT count(*) FROM thousand WHERE name = $literal OR pii_schema.pii_reveal(name) = $literal");
	}
}
my @controls = make_markers(1, 'words');
$session->run("SET pii.log_scrubbing = off; SELECT ${\literal($controls[0]{value})}; RESET pii.log_scrubbing");
is(join('', $session->run('SELECT count(*) FROM thousand')), 750, 'three quarters of the values are stored');
# Short numbers are found by chance among the measurements.
my $telling = qr/[^\d.]|\d{9}/;
my @stored = map { { value => $_, pieces => [ grep { length >= 5 && /$telling/ } split /\s*\n\s*/ ] } }
  $session->run('SELECT DISTINCT btrim(value) FROM public.kept WHERE length(btrim(value)) BETWEEN 5 AND 200 ORDER BY 1');
$session->run('SELECT 1 AS here_it_ends');
$session->quit;

# ---------------------------------------------------------------------------------------------------------------------
# The log

my %logged = $node->logged_until('here_it_ends', %start);
cmp_ok(length ${ $logged{$_} }, '>', 1_000_000, "the log is loud, format $_") foreach sort keys %logged;
like(${ $logged{stderr} }, qr/$_/, "the log has what makes it loud: $_")
  foreach 'parse tree:', 'rewritten parse tree:', 'duration: .* ms  plan:', 'LOG: .*statement: CREATE TABLE', 'STATEMENT: ', 'CONTEXT|Context: ', 'parameters: \$1 = \'\.\.\.\'';

sub leaks
{
	my ($what, @markers) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($found, $excerpts) = markers_in(\@markers, %logged);
	my @leaks = map { utf8::encode(my $value = $markers[$_]{value}); $value } sort { $a <=> $b } keys %$found;
	is(scalar @leaks, 0, "$what: none is logged") or diag(map { "$_\n" } @leaks, map { "--- $_\n" } splice @$excerpts, 0, 60);
	return;
}
cmp_ok(scalar @stored, '>', 40, 'the suite stored values');
cmp_ok(scalar keys %literals, '>', 40, 'the suite has literals that look like personal data');
is(join(' ', sort keys %{ (markers_in(\@controls, %logged))[0]{0} // {} }), 'csv json stderr', 'a value that was logged on purpose is found');
leaks('values of sealed columns', @stored);
leaks('literals that look like personal data', map { { value => $_, pieces => [ grep { length >= 5 && /$telling/ } split /\s*\n\s*/ ] } } sort keys %literals);
leaks('a thousand values', @thousand);

$node->stop;
done_testing();
