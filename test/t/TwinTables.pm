# TwinTables are the same data twice: in the schema `plain` as text, each value in the normalised form of its class, and in
# other schemas as pii_text, as people write it. So `ssn = x` finds the same rows in both, if x is normalised for `plain`.
#
# The normalisers here are written from FORMAT.md alone, with Perl's own Unicode tables.

package TwinTables;

use strict;
use warnings;
use feature 'fc';

use parent 'Exporter';

use Unicode::Normalize qw(NFC NFD NFKC);
use Unicode::UCD qw();

our @EXPORT = qw(
  normalized quoted array_literal sealed_columns value_pool
  tables_sql views_sql copy_lines random_number seed_random
);

# ---------------------------------------------------------------------------------------------------------------------
# Normalisers

my $separator = qr/[\p{White_Space}\p{Pd}\x{2212}.\/()_]/;

sub _casefolded
{
	my $text = NFC($_[0]);
	for (1 .. 2)
	{
		$text =~ s/\p{Default_Ignorable_Code_Point}//g;
		$text = NFKC(fc(NFKC(fc(NFD($text)))));
	}
	return $text;
}

sub _digits
{
	my ($text, $least, $most) = @_;
	$text =~ s/$separator//g;
	return undef unless $text =~ /\A\p{Nd}{$least,$most}\z/;
	return join '', map { Unicode::UCD::num($_) } split //, $text;
}

my %normalizers = (
	text => sub { NFC($_[0]) },
	name => sub {
		my $text = _casefolded($_[0]);
		$text =~ s/\p{White_Space}+/ /g;
		$text =~ s/\A | \z//g;
		return $text;
	},
	email => sub {
		my $text = _casefolded($_[0]);
		$text =~ s/\A\p{White_Space}+|\p{White_Space}+\z//g;
		return $text;
	},
	ssn   => sub { _digits($_[0], 9, 9) // NFC($_[0]) },
	phone => sub {
		my ($sign, $rest) = $_[0] =~ /\A$separator*([+\x{FF0B}]?)(.*)\z/s;
		my $digits = _digits($rest, 7, 15);
		return defined $digits ? ($sign ne '' ? "+$digits" : $digits) : NFC($_[0]);
	});

sub normalized
{
	my ($class, $value) = @_;
	return undef unless defined $value;
	$class = 'text' if $class eq ($ENV{TWIN_BREAK} // '');    # to see the test fail
	return $normalizers{$class}->($value);
}

sub quoted
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

# An array as input of its type: {"a","b",NULL}.
sub array_literal
{
	my (@values) = @_;
	my @elements = map {
		my $element = $_;
		if (defined $element) { $element =~ s/(["\\])/\\$1/g; $element = "\"$element\""; }
		$element // 'NULL';
	} @values;
	return '{' . join(',', @elements) . '}';
}

# ---------------------------------------------------------------------------------------------------------------------
# Values

my $random_state = 1;

sub seed_random
{
	my ($seed) = @_;
	$random_state = $seed * 2654435761 % 4294967291 || 1;
	return;
}

# 0 to n - 1, the same on every machine (xorshift32).
sub random_number
{
	my ($n) = @_;
	$random_state ^= ($random_state << 13) & 0xFFFFFFFF;
	$random_state ^= $random_state >> 17;
	$random_state ^= ($random_state << 5) & 0xFFFFFFFF;
	return $random_state % $n;
}

my $long = 'x' x 2400;

# What is no value of any class in particular; of each pair the second is the first in another normal form.
my @odd = (
	'', ' ', '?', "O'Neil \\ \"quoted\" {a,b}", 'NULL', '{}', "nu\x{301}mero", "n\x{FA}mero", "\x{212B}ngstr\x{F6}m", "A\x{30A}ngstro\x{308}m",
	"tab\there", "two\nlines", 'pii:', '%', "\x{1F600}", $long, "$long\x{E9}", "${long}e\x{301}");

sub _written_ssn
{
	my ($digits) = @_;
	my ($a, $b, $c) = $digits =~ /(...)(..)(....)/;
	(my $wide = $digits) =~ tr/0-9/\x{FF10}-\x{FF19}/;
	(my $arabic = "$a-$b-$c") =~ tr/0-9/\x{660}-\x{669}/;
	return ("$a-$b-$c", $digits, "$a $b $c", " $a-$b-$c ", "$a\x{2013}$b\x{2013}$c", $wide, $arabic, "($a) $b/$c.");
}

sub _written_phone
{
	my ($digits) = @_;
	my ($a, $b, $c) = $digits =~ /(...)(...)(....)/;
	return ("($a) $b-$c", $digits, "$a.$b.$c", "+1 $a $b $c", "+1$digits", "\x{FF0B}1-$a-$b-$c", "1$digits", " +1 ($a) $b\x{2212}$c ");
}

sub _written_email
{
	my ($local, $domain) = @_;
	return ("$local\@$domain", ucfirst($local) . "\@$domain", uc("$local\@$domain"), " $local\@$domain\t", NFD("$local\@$domain"),
		"$local\@" . ucfirst $domain, "\x{A0}$local\@$domain", substr($local, 0, 1) . "\x{AD}" . substr($local, 1) . "\@$domain");
}

sub _written_name
{
	my ($first, $last) = @_;
	return ("$first $last", uc "$first $last", lc "$first $last", "  $first\t$last ", "$first\x{A0}\x{2003}$last", NFD("$first $last"));
}

sub _written_text
{
	my ($text) = @_;
	return ($text, NFD($text), NFC($text), "$text ", uc $text);
}

my %pools;

# All values there are of a class, many of them equal.
sub value_pool
{
	my ($class) = @_;
	return @{ $pools{$class} } if $pools{$class};
	my @values;
	if ($class eq 'ssn')
	{
		@values = map { _written_ssn($_) } qw(123456789 987654321 000000001 111223333 222334444 555667777 900112222 314159265 271828182);
		push @values, '123-45' . ' ' x 3000 . '6789', '12345678', '1234-5678', '123-45-678X', 'abc-de-fghi', '1234567890',
		  "123-45-6789\x{301}", '+123-45-6789';
	}
	elsif ($class eq 'phone')
	{
		@values = map { _written_phone($_) } qw(5550100123 5550104567 2125550199 8005550147 4155550111);
		push @values, '555-01', '5550101', '555-0101 x12', '+', '++15550100123', '1' x 16, '5550100123+';
	}
	elsif ($class eq 'email')
	{
		@values = map { _written_email(@$_) } [ ann => 'x.org' ], [ bob => 'x.org' ], [ "zo\x{EB}" => 'example.com' ], [ "stra\x{DF}e" => 'example.de' ],
		  [ "\x{FB01}ona" => 'ex.org' ], [ 'kim.lee+tag' => 'sub.example.co.uk' ], [ "\x{130}zmir" => 'example.tr' ];
		push @values, 'STRASSE@example.de', "\x{FF41}\x{FF4E}\x{FF4E}\@x.org", 'fiona@ex.org', "\x{212A}im.lee+tag\@sub.example.co.uk",
		  'no at sign', 'a n n@x.org', '@', 'ann@x.org@x.org';
	}
	elsif ($class eq 'name')
	{
		@values = map { _written_name(@$_) }[Maria => 'Gonzalez'], [ "Zo\x{EB}" => "\x{141}ukasz" ], [ Jane => 'Doe' ],
		  [ "\x{39C}\x{3AC}\x{3C1}\x{3B9}\x{3BF}\x{3C2}" => "\x{3A0}" ], [ "\x{674E}" => "\x{5A1C}" ], [ "O'Neil" => "d\x{2019}Arc" ];
		push @values, 'Maria', 'Gonzalez Maria', 'MariaGonzalez', 'Jane-Doe', "Jane\nDoe";
	}
	else
	{
		@values = map { _written_text($_) } 'a note', "Caf\x{E9} cr\x{E8}me", "\x{1112}\x{1161}\x{11AB}", "quote ' and \\ backslash", '2024-01-01';
	}
	@values = (@values, @odd);
	$pools{$class} = \@values;
	return @values;
}

# ---------------------------------------------------------------------------------------------------------------------
# Tables

# Every table has id, tenant, and these; orders, events, … have no more. Column => class.
my @columns = ([ ssn => 'ssn' ], [ email => 'email' ], [ name => 'name' ], [ phone => 'phone' ], [ note => 'text' ]);
my %more = (customers => [ [ alt => 'ssn' ], [ work => 'email' ] ]);
my %row_counts = (customers => 160, orders => 180, events => 140, people => 60, staff => 60, members => 40, secured => 80, lookups => 50);

sub sealed_columns { my ($table) = @_; return (@columns, @{ $more{$table} // [] }); }

# The DDL in the schema that is first in the search path. `type` gives the type of a class. If `generated`, each sealed
# column x has a stored generated column x_index.
sub tables_sql
{
	my ($type, $generated) = @_;
	my $columns_of = sub {
		my ($table, $reversed) = @_;
		my @all = map { my ($name, $class) = @$_; [ $name, $name eq 'work' ? 'work_email' : $type->($class) ] } sealed_columns($table);
		@all = reverse @all if $reversed;
		my @generated = map { "$_->[0]_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index($_->[0])) STORED" } $generated ? @all : ();
		return join ', ', (map { "@$_" } @all), @generated;
	};
	# Columns that were dropped, or stand in another order in a partition or a child, shift the numbers of the others.
	return (
		'CREATE DOMAIN work_email AS ' . $type->('email'),
		'CREATE TABLE customers (gone int, id int PRIMARY KEY, tenant int, ' . $columns_of->('customers') . ')',
		'ALTER TABLE customers DROP COLUMN gone',
		'CREATE TABLE orders (id int PRIMARY KEY, customer_id int, tenant int, amount int, ' . $columns_of->('orders') . ')',
		'CREATE TABLE events (id int, tenant int, ' . $columns_of->('events') . ', PRIMARY KEY (id, tenant)) PARTITION BY LIST (tenant)',
		'CREATE TABLE events_1 (' . $columns_of->('events', 1) . ', gone int, tenant int NOT NULL, id int NOT NULL)',
		'ALTER TABLE events_1 DROP COLUMN gone',
		'ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES IN (1)',
		'CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2)',
		'CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY RANGE (id)',
		'CREATE TABLE events_low PARTITION OF events_rest FOR VALUES FROM (MINVALUE) TO (60)',
		'CREATE TABLE events_high PARTITION OF events_rest FOR VALUES FROM (60) TO (MAXVALUE)',
		'CREATE TABLE people (id int PRIMARY KEY, tenant int, ' . $columns_of->('people') . ')',
		'CREATE TABLE staff (role text, ' . $columns_of->('staff', 1) . ', tenant int, id int PRIMARY KEY)',
		'ALTER TABLE staff INHERIT people',
		'CREATE TABLE members (id int PRIMARY KEY, tenant int, ' . $columns_of->('members') . ')',
		'CREATE TABLE secured (id int PRIMARY KEY, tenant int, ' . $columns_of->('secured') . ')',
		'CREATE TABLE lookups (id int PRIMARY KEY, ' . join(', ', map { "$_->[0] text" } @columns) . ')');
}

# Views, policies and functions. `literal` gives the literal of a value of a class.
sub views_sql
{
	my ($schema, $literal) = @_;
	my @shared = map { $_->[0] } @columns;
	my $shared = join ', ', 'tenant', @shared;
	my $email = $literal->(email => 'Ann@X.org');
	my $names = $literal->(name => 'jane  doe') . q{, 'nobody'};
	my $ssn = $literal->(ssn => '123-45-6789');
	return (
		"CREATE VIEW v_plain AS SELECT id, $shared FROM customers",
		"CREATE VIEW v_known AS SELECT id, $shared FROM v_plain WHERE ssn IS NOT NULL AND tenant IN (1, 2)",
		'CREATE VIEW v_join AS SELECT o.id, c.tenant, c.ssn, o.email, c.name, o.phone, o.note FROM orders o JOIN customers c ON c.id = o.customer_id',
		"CREATE VIEW v_matched AS SELECT id, $shared FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.ssn = o.ssn)",
		"CREATE VIEW v_all AS SELECT id, $shared FROM customers UNION ALL SELECT 1000 + id, $shared FROM people
			UNION ALL SELECT 2000 + id, $shared FROM events",
		"CREATE VIEW v_barrier WITH (security_barrier) AS SELECT id, $shared FROM customers WHERE tenant <> 3 AND email <> $email",
		q{CREATE POLICY by_setting ON secured FOR ALL TO pii_twin_clerk USING (ssn = current_setting('twin.ssn', true))},
		"CREATE POLICY by_literal ON secured FOR ALL TO pii_twin_clerk USING (email = $email OR name IN ($names))",
		'ALTER TABLE secured ENABLE ROW LEVEL SECURITY',
		"CREATE POLICY by_literal ON events FOR ALL TO pii_twin_clerk USING (ssn = $ssn)",
		'CREATE POLICY by_table ON events FOR SELECT TO pii_twin_clerk
			USING (EXISTS (SELECT FROM secured s WHERE s.ssn = events.ssn AND s.tenant = events.tenant))',
		'ALTER TABLE events ENABLE ROW LEVEL SECURITY',
		q{CREATE FUNCTION find_inline(text) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT id FROM customers WHERE ssn = $1'},
		q{CREATE FUNCTION find_email(varchar) RETURNS SETOF int LANGUAGE plpgsql STABLE AS
			'BEGIN RETURN QUERY SELECT id FROM customers c WHERE c.email = $1; END'},
		q{CREATE FUNCTION find_any(text[]) RETURNS SETOF int LANGUAGE plpgsql STABLE AS
			'BEGIN RETURN QUERY SELECT id FROM customers c WHERE c.name = ANY ($1); END'},
		q{CREATE FUNCTION count_loop(text[]) RETURNS int LANGUAGE plpgsql STABLE AS
			'DECLARE v text; n int := 0; BEGIN
				FOREACH v IN ARRAY $1 LOOP n := n * 3 + (SELECT count(*) FROM events WHERE ssn = v); END LOOP;
			RETURN n; END'},
		"GRANT USAGE ON SCHEMA $schema TO pii_twin_clerk",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $schema TO pii_twin_clerk");
}

# The rows of all tables: table => [[column names], [row], …]. Values are raw; tables that are filled together share values.
sub rows
{
	my (%rows);
	my %unique = map { $_->[1] => {} } @columns;
	foreach my $table (sort keys %row_counts)
	{
		my @fields = sealed_columns($table);
		my @head =
		    $table eq 'lookups' ? ('id')
		  : $table eq 'orders'  ? qw(id tenant customer_id amount)
		  :                       qw(id tenant);
		my @table = ([ @head, map { $_->[0] } @fields ]);
		foreach my $id (1 .. $row_counts{$table})
		{
			my $first = $table eq 'staff' ? $id + 500 : $id;
			my @row = ($first);
			push @row, 1 + random_number(4) if $table ne 'lookups';
			push @row, 1 + random_number(200), random_number(100) if $table eq 'orders';
			foreach my $field (@fields)
			{
				my $value = _any_value($field->[1]);
				if ($table eq 'members' && defined $value)
				{
					$value = undef if $unique{ $field->[1] }{ $normalizers{ $field->[1] }->($value) }++;
				}
				push @row, $value;
			}
			push @table, \@row;
		}
		$rows{$table} = \@table;
	}
	return \%rows;
}

# A value of a column: NULL now and then, and some values more often than others.
sub _any_value
{
	my ($class) = @_;
	return undef if random_number(9) == 0;
	my @pool = value_pool($class);
	my $at = random_number(scalar @pool);
	$at = random_number($at + 1) if random_number(2);
	return $pool[$at];
}

# Rows for COPY, in its text format.
sub copy_lines
{
	my (@rows) = @_;
	my %escape = ("\\" => "\\\\", "\t" => "\\t", "\n" => "\\n", "\r" => "\\r");
	return join '', map {
		join("\t", map { my $field = $_; $field =~ s/([\\\t\n\r])/$escape{$1}/g if defined $field; $field // '\N' } @$_) . "\n"
	} @rows;
}

1;
