# SearchShape is one query of SearchGrammar, to be run on both sides of the twin. Its statements hold @n@ for constant n, and
# #class# for the type of a class.
#
# A constant has its values for two runs, as people write them; on the plain side it is normalised. It is a literal, or a
# parameter of the main statement: the first one after BEGIN. `way` is how parameters are passed: literal (there are none),
# prepare (PREPARE and EXECUTE in SQL), wire (Parse and Bind).

package SearchShape;

use strict;
use warnings;

use TwinTables;
use WireSession;

my %oid_of = (unknown => WireSession::UNKNOWN, text => WireSession::TEXT, varchar => WireSession::VARCHAR,
	'text[]' => WireSession::TEXT_ARRAY, 'varchar[]' => WireSession::VARCHAR_ARRAY);

sub new
{
	my ($class, %self) = @_;
	my $self = bless \%self, $class;
	my $number = 0;
	$_->{number} = $number++ foreach @{ $self->{constants} };
	$self->{main} = 0;
	++$self->{main} while $self->{statements}[ $self->{main} ] =~ /\ABEGIN/;
	$self->{way} = 'literal' unless $self->_parameters($self->{main});
	return $self;
}

# The constants that are parameters of a statement.
sub _parameters
{
	my ($self, $at) = @_;
	return () if $self->{way} eq 'literal' || $at != $self->{main};
	return grep { $_->{parameter} && $self->{statements}[$at] =~ /\@$_->{number}\@/ } @{ $self->{constants} };
}

sub _type_name
{
	my ($type, $class, $plain) = @_;
	return $type unless $type =~ /\Asealed(.*)/;
	return ($plain ? 'text' : "pii_text($class)") . $1;
}

# A list if the constant is an array.
sub _value
{
	my ($constant, $plain, $run) = @_;
	my $value = $constant->{values}[$run];
	my $of = sub { $plain ? normalized($constant->{class}, $_[0]) : $_[0] };
	return $constant->{array} ? [ map { $of->($_) } @$value ] : $of->($value);
}

sub _literal
{
	my ($constant, $plain) = @_;
	my ($class, $type) = @$constant{qw(class type)};
	my $value = _value($constant, $plain, 0);
	my $cast = '';
	if ($type =~ /\Alist ?(.*)/)
	{
		my $element = $1 ne '' ? $1 : @$value ? '' : 'text';
		$cast = '::' . _type_name($element . '[]', $class, $plain) if $element ne '';
		return 'ARRAY[' . join(', ', map { quoted($_) } @$value) . "]$cast";
	}
	$type = 'sealed' if $constant->{cast};
	$cast = '::' . _type_name($type, $class, $plain) if $type ne 'unknown';
	return quoted(ref $value ? array_literal(@$value) : $value) . $cast;
}

# The statements with everything put in: [sql, types of parameters, their values, values of the second run].
sub rendered
{
	my ($self, $plain) = @_;
	my @rendered;
	foreach my $at (0 .. $#{ $self->{statements} })
	{
		my $sql = $self->{statements}[$at];
		my @parameters = $self->_parameters($at);
		my %place;
		foreach my $i (0 .. $#parameters)
		{
			my $cast = $parameters[$i]{cast} ? "::#$parameters[$i]{class}#" : '';
			$place{ $parameters[$i]{number} } = '$' . ($i + 1) . $cast;
		}
		$sql =~ s/\@(\d+)\@/$place{$1} \/\/ _literal($self->{constants}[$1], $plain)/ge;
		$sql =~ s/#(\w+)#/_type_name('sealed', $1, $plain)/ge;
		my @runs;
		foreach my $run (0, 1)
		{
			my @values = map { _value($_, $plain, $run) } @parameters;
			push @runs, [ map { ref $_ ? array_literal(@$_) : $_ } @values ];
		}
		push @rendered, [ $sql, [ map { _type_name($_->{type}, $_->{class}, $plain) } @parameters ], @runs ];
	}
	return @rendered;
}

# Runs the shape: (rows, error). A query with parameters is run twice. Rows without ORDER BY are sorted.
sub run
{
	my ($self, $session, $plain) = @_;
	my (@rows, $error);
	foreach my $statement ($self->rendered($plain))
	{
		my ($sql, $types, @runs) = @$statement;
		@runs = $runs[0] if $self->{main};    # what is changed once cannot be changed again
		my $got;
		if (!@$types) { ($got, $error) = $session->query($sql); }
		elsif ($self->{way} eq 'wire')
		{
			($got, $error) = $session->execute($sql, [ map { $oid_of{$_} // $session->{pii_text_array} } @$types ], @runs);
		}
		else
		{
			my @execute = map { 'EXECUTE q (' . join(', ', map { quoted($_) } @$_) . ')' } @runs;
			($got, $error) = $session->query(join ';', 'PREPARE q (' . join(', ', @$types) . ") AS $sql", @execute);
		}
		push @rows, '--', $sql =~ /ORDER BY a\.(?:tenant, a\.)?id[^()]*\z/ ? @$got : sort @$got;
		last if defined $error;
	}
	$session->query('ROLLBACK') if defined $error;
	$session->query('DEALLOCATE ALL') if $self->{way} eq 'prepare';
	return (\@rows, $error);
}

# SQL that can be tried out.
sub described
{
	my ($self, $plain) = @_;
	my @lines;
	foreach my $statement ($self->rendered($plain))
	{
		my ($sql, $types, @runs) = @$statement;
		push @lines, "$sql;";
		foreach my $values (@$types ? @runs : ())
		{
			push @lines, "  -- by $self->{way}: " . join ', ', map { '$' . ($_ + 1) . " $types->[$_] " . quoted($values->[$_]) } 0 .. $#$types;
		}
	}
	return join "\n", @lines;
}

1;
