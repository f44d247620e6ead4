# SearchPlans are queries that are to find sealed values by index, wherever the same query on plain text finds its values by
# index: in tables of some size, with an index on pii_blind_index(column) or on a generated column of that.

package SearchPlans;

use strict;
use warnings;

use parent 'Exporter';

use JSON::PP qw();

our @EXPORT = qw(planned_queries fill_large complaint);

# The schemas: what is indexed there in place of a column.
my %key_of = (
	plain      => sub { $_[0] },
	expression => sub { "pii_blind_index($_[0])" },
	generated  => sub { "$_[0]_index" });

# ---------------------------------------------------------------------------------------------------------------------
# Queries: [name, SQL, number of index scans of each table, …]. In the SQL, $1 is a parameter; it is prepared with each of
# `types`, with a custom and with a generic plan, and run with `value`. Also:
#   column     the column looked for, if not ssn
#   role       as a role that row level security applies to
#   parallel   the scan is to be a parallel one

my $ssn = q{'000-00-4242'};
my @ssns = map { "'000-00-" . (4242 + $_) . q{'} } 0 .. 19;
my $two = "$ssns[0], $ssns[1]";
my $array = '{000-00-4242,000-00-4243}';
my @scalars = (types => [qw(unknown text varchar)]);
my @arrays = (types => [ 'unknown', 'text[]', 'varchar[]', 'sealed[]' ], value => $array);
my %all = (customers => 1, people => 1, staff => 1, events => 4);
my %family = (people => 1, staff => 1);
my @parallel = map { "$_ = 0" } qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size);

sub planned_queries
{
	return (
		[ 'a literal', "SELECT id FROM customers WHERE ssn = $ssn", { customers => 1 } ],
		[ 'a literal on the left', "SELECT id FROM customers WHERE $ssn = ssn", { customers => 1 } ],
		[ 'a literal of type text', "SELECT id FROM customers WHERE ssn = $ssn\::text", { customers => 1 } ],
		[ 'a literal of type varchar', "SELECT id FROM customers WHERE ssn = $ssn\::varchar", { customers => 1 } ],
		[ 'a literal of the class', "SELECT id FROM customers WHERE ssn = $ssn\::#ssn#", { customers => 1 } ],
		[ 'a column of a domain', q{SELECT id FROM customers WHERE work = 'user5@X.org'}, { customers => 1 }, column => 'work' ],
		[ 'two columns', "SELECT id FROM customers WHERE tenant = 1 AND ssn = $ssn", { customers => 1 } ],
		[ 'OR', "SELECT id FROM customers WHERE ssn = $ssn OR ssn = $ssns[3]", { customers => 2 } ],
		[ 'a parameter', 'SELECT id FROM customers WHERE ssn = $1', { customers => 1 }, @scalars ],
		[ 'an expression of text', q{SELECT id FROM customers WHERE ssn = concat('000-00-', $1)}, { customers => 1 }, types => ['text'], value => '4242' ],
		[ 'IN of two', "SELECT id FROM customers WHERE ssn IN ($two)", { customers => 1 } ],
		[ 'IN of twenty', 'SELECT id FROM customers WHERE ssn IN (' . join(', ', @ssns) . ')', { customers => 1 } ],
		[ 'IN with a parameter', "SELECT id FROM customers WHERE ssn IN (\$1, $ssn)", { customers => 1 }, types => ['unknown'] ],
		[ '= ANY of a literal', "SELECT id FROM customers WHERE ssn = ANY ('$array')", { customers => 1 } ],
		[ '= ANY of an array', "SELECT id FROM customers WHERE ssn = ANY (ARRAY[$two])", { customers => 1 } ],
		[ '= ANY of a parameter', 'SELECT id FROM customers WHERE ssn = ANY ($1)', { customers => 1 }, @arrays ],
		[ '= ANY of a sub-select', 'SELECT id FROM customers WHERE ssn = ANY (ARRAY(SELECT ssn FROM orders WHERE id < 4))', { customers => 1 } ],
		[ 'a join', 'SELECT c.id, o.id FROM customers c JOIN orders o ON c.ssn = o.ssn WHERE c.id = 5', { orders => 1 } ],
		[ 'a join the other way', 'SELECT c.id, o.id FROM customers c JOIN orders o ON o.ssn = c.ssn WHERE o.id = 5', { customers => 1 } ],
		[ 'a join by USING', 'SELECT c.id, o.id FROM customers c JOIN orders o USING (ssn) WHERE c.id < 4', { orders => 1 } ],
		[ 'a left join', 'SELECT c.id, o.id FROM customers c LEFT JOIN orders o ON c.ssn = o.ssn WHERE c.id = 5', { orders => 1 } ],
		[ 'an outer join that IN makes an inner one', "SELECT c.id FROM lookups l LEFT JOIN customers c ON c.tenant = l.id WHERE c.ssn IN ($two)",
			{ customers => 1 } ],
		[ 'a join, found by literal', "SELECT c.id, o.id FROM customers c JOIN orders o ON c.ssn = o.ssn WHERE c.ssn = $ssn",
			{ customers => 1, orders => 1 } ],
		[ 'a join with text', 'SELECT c.id FROM lookups l JOIN customers c ON c.ssn = l.ssn', { customers => 1 } ],
		[ 'a join with values', "SELECT c.id FROM (VALUES ($ssns[0]), ($ssns[1])) v(x) JOIN customers c ON c.ssn = v.x", { customers => 1 } ],
		[ 'a semi-join', 'SELECT l.id FROM lookups l WHERE EXISTS (SELECT FROM customers c WHERE c.ssn = l.ssn)', { customers => 1 } ],
		[ 'an anti-join', 'SELECT l.id FROM lookups l WHERE NOT EXISTS (SELECT FROM customers c WHERE c.ssn = l.ssn)', { customers => 1 } ],
		[ 'a scalar sub-select', 'SELECT id FROM customers WHERE ssn = (SELECT ssn FROM orders WHERE id = 7)', { customers => 1 } ],
		[ 'IN of a sub-select', 'SELECT id FROM customers WHERE ssn IN (SELECT ssn FROM orders WHERE id < 4)', { customers => 1 } ],
		[ 'a correlated sub-select', 'SELECT id, (SELECT count(*) FROM orders o WHERE o.ssn = c.ssn) FROM customers c WHERE id < 4', { orders => 1 } ],
		[ 'LATERAL', 'SELECT c.id, x.id FROM customers c, LATERAL (SELECT o.id FROM orders o WHERE o.ssn = c.ssn LIMIT 1) x WHERE c.id < 4',
			{ orders => 1 } ],
		[ 'WITH', "WITH w AS (SELECT * FROM customers) SELECT id FROM w WHERE ssn = $ssn", { customers => 1 } ],
		[ 'an aggregate', "SELECT count(*), max(id) FROM customers WHERE ssn = $ssn", { customers => 1 } ],
		[ 'a view', "SELECT id FROM v_plain WHERE ssn = $ssn", { customers => 1 } ],
		[ 'a view of a view', 'SELECT id FROM v_known WHERE ssn = $1', { customers => 1 }, @scalars ],
		[ 'a view of a join', "SELECT id FROM v_join WHERE ssn = $ssn", { customers => 1 } ],
		[ 'a view with UNION ALL', 'SELECT id FROM v_all WHERE ssn = $1', \%all, @scalars ],
		[ 'a security barrier view', "SELECT id FROM v_barrier WHERE ssn = $ssn", { customers => 1 } ],
		[ 'a partitioned table', "SELECT id FROM events WHERE ssn = $ssn", { events => 4 } ],
		[ 'a partitioned table by parameter', 'SELECT id FROM events WHERE ssn = $1', { events => 4 }, @scalars ],
		[ 'a partition', "SELECT id FROM events WHERE tenant = 1 AND ssn IN ($two)", { events => 1 } ],
		[ 'a join with a partitioned table', 'SELECT c.id, e.id FROM customers c JOIN events e ON c.ssn = e.ssn WHERE c.id = 5', { events => 4 } ],
		[ 'a table with children', "SELECT id FROM people WHERE ssn = $ssn", \%family ],
		[ 'a table with children by = ANY', 'SELECT id FROM people WHERE ssn = ANY ($1)', \%family, @arrays ],
		[ 'UPDATE', 'UPDATE customers SET tenant = 2 WHERE ssn = $1', { customers => 1 }, @scalars ],
		[ 'UPDATE of partitions', "UPDATE events SET email = NULL WHERE ssn = $ssn", { events => 4 } ],
		[ 'UPDATE FROM', 'UPDATE customers c SET tenant = 2 FROM orders o WHERE o.ssn = c.ssn AND o.id = 5', { customers => 1 } ],
		[ 'DELETE', 'DELETE FROM customers WHERE ssn = ANY ($1)', { customers => 1 }, @arrays ],
		[ 'DELETE USING', 'DELETE FROM people p USING lookups l WHERE p.ssn = l.ssn', \%family ],
		[ 'MERGE', "MERGE INTO orders o USING (VALUES ($ssn)) v(x) ON o.ssn = v.x WHEN MATCHED THEN UPDATE SET amount = 1", { orders => 1 } ],
		[ 'INSERT ... SELECT', "INSERT INTO orders (id, ssn) SELECT 100000 + id, ssn FROM customers WHERE ssn = $ssn", { customers => 1 } ],
		[ 'SELECT FOR UPDATE', "SELECT id FROM customers WHERE ssn = $ssn FOR UPDATE", { customers => 1 } ],
		[ 'a partial index', 'SELECT id FROM orders WHERE phone = $1', { orders => 1 }, @scalars, column => 'phone' ],
		[ 'a partial index by = ANY', 'SELECT id FROM orders WHERE phone = ANY ($1)', { orders => 1 }, @arrays, column => 'phone' ],
		[ 'a policy with a setting', 'SELECT id FROM secured', { secured => 1 }, role => 1 ],
		[ 'a query below a policy', q{SELECT id FROM secured WHERE email = 'user5@x.org'}, { secured => 1 }, role => 1, column => '(?:ssn|email)' ],
		[ 'a policy with a literal', 'SELECT id FROM events', { events => 4 }, role => 1 ],
		[ 'a parallel scan', q{SELECT count(*) FROM orders WHERE name = 'name 5'}, { orders => 1 }, column => 'name', parallel => 1 ],
		[ 'a parallel scan by = ANY', q{SELECT count(*) FROM orders WHERE name = ANY ($1)},
			{ orders => 1 }, @arrays, value => '{name 5,name 6}', column => 'name', parallel => 1 ],
		[ 'a parallel scan of partitions', q{SELECT count(*) FROM events WHERE name = 'name 5'}, { events => 4 }, column => 'name', parallel => 1 ]);
}

# Fills the tables of TwinTables, and indexes them as `kind` says.
sub fill_large
{
	my ($session, $kind) = @_;
	my $digits = q{lpad((i / 2)::text, 9, '0')};
	my $number = $kind eq 'plain' ? $digits : qq{regexp_replace($digits, '(...)(..)(....)', '\\1-\\2-\\3')};
	my %first = (events => -9999, staff => 50001);
	foreach my $table (qw(customers orders events people staff secured))
	{
		my %values = (
			id     => ($first{$table} // 1) . ' - 1 + i',
			tenant => '1 + i % 4',
			ssn    => $number,
			email  => q{'user' || i || '@x.org'},
			name   => q{'name ' || i % 50});
		$values{work} = $values{email} if $table eq 'customers';
		my @columns = sort keys %values;
		$session->run("INSERT INTO $table (" . join(', ', @columns) . ') SELECT ' . join(', ', @values{@columns}) . ' FROM generate_series(1, 20000) i');
		$session->run("CREATE INDEX ON $table (" . $key_of{$kind}->($_) . ')') foreach grep { !/id|tenant/ } @columns;
	}
	$session->run('UPDATE orders SET phone = ssn WHERE id % 2 = 0');
	$session->run('CREATE INDEX ON orders (' . $key_of{$kind}->('phone') . ') WHERE phone IS NOT NULL');
	$session->run("INSERT INTO lookups (id, ssn) SELECT i, $number FROM generate_series(1, 20) i");
	$session->run('DROP POLICY by_literal ON secured; DROP POLICY by_table ON events');
	$session->run('ANALYZE customers, orders, events, people, staff, secured, lookups');
	return;
}

# Collects the index scans of a plan (name of index => conditions), the tables that are read without one, and whether a scan
# is parallel.
sub _scans_of
{
	my ($plan, $scans) = @_;
	push @{ $scans->{index}{ $plan->{'Index Name'} } }, $plan->{'Index Cond'} // '' if exists $plan->{'Index Name'};
	push @{ $scans->{whole} }, $plan->{'Relation Name'} if $plan->{'Node Type'} eq 'Seq Scan';
	$scans->{parallel} = 1 if $plan->{'Parallel Aware'} && $plan->{'Node Type'} =~ /Index|Bitmap/;
	_scans_of($_, $scans) foreach @{ $plan->{Plans} // [] };
	return $scans;
}

# What is wrong with the plan of a query; an empty list if nothing is. Parameters: those of the query, and type and generic.
sub complaint
{
	my ($session, $kind, $sql, $tables, %params) = @_;
	my $sealed = $kind eq 'plain' ? 'text' : 'pii_text';
	$sql =~ s/#ssn#/$sealed eq 'text' ? 'text' : 'pii_text(ssn)'/e;
	my @settings = 'enable_mergejoin = off';    # sealed values have no order
	push @settings, @parallel if $params{parallel};
	push @settings, q{twin.ssn = '000-00-4242'}, 'ROLE pii_twin_clerk' if $params{role};
	my $explain = 'EXPLAIN (FORMAT JSON, COSTS OFF)';
	my @statements = "$explain $sql";
	if ($params{type})
	{
		push @settings, 'plan_cache_mode = ' . ($params{generic} ? 'force_generic_plan' : 'force_custom_plan');
		my $value = $params{value} // '000-00-4242';
		@statements = ('PREPARE q (' . $params{type} =~ s/sealed/$sealed/r . ") AS $sql", "$explain EXECUTE q ('$value')", 'DEALLOCATE q');
	}
	my ($json) = $session->run(join '; ', 'BEGIN', (map { "SET LOCAL $_" } @settings), @statements, 'ROLLBACK');
	my $scans = _scans_of(JSON::PP->new->decode($json)->[0]{Plan}, {});

	my $column = '(?:\w+\.)?' . ($params{column} // 'ssn');
	my $of_domain = "\\($column\\)::\\w+";
	my $condition = {
		plain      => qr/\((?:$column|$of_domain) = /,
		expression => qr/\(pii_blind_index\((?:$column|$of_domain)\) = ANY \(.*pii_search_terms\(/,
		generated  => qr/\(${column}_index = ANY \(.*pii_search_terms\(/ }->{$kind};
	foreach my $table (sort keys %$tables)
	{
		my @conditions = map { @{ $scans->{index}{$_} } } grep { /\A$table/ } keys %{ $scans->{index} };
		my $found = grep { /$condition/ } @conditions;
		my $whole = grep { /\A$table/ } @{ $scans->{whole} };
		return "$kind: $found scans of $table by index, $whole without: $json" if $found < $tables->{$table} || $whole;
	}
	return $params{parallel} && !$scans->{parallel} ? "$kind: not parallel: $json" : ();
}

1;
