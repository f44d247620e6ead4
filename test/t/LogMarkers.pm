# LogMarkers makes values that occur nowhere else, and finds what is left of them in the server log: whole, in part, and
# written in another way.

package LogMarkers;

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use Exporter qw(import);
use MIME::Base64 qw(encode_base64);

our @EXPORT = qw(make_markers markers_in forms_of literal identifier);

my $made = 0;
my %used;

# What stands around the two words of a name: all that quoting may stumble over.
my @names = (
	sub { "Zoë $_[0]-\u$_[1]" },
	sub { "O'\u$_[0] $_[1]" },
	sub { qq(\u$_[0] "$_[1]" Łuk) },
	sub { "d'$_[0]'; DROP TABLE $_[1] --" },
	sub { "$_[0] \\$_[1]\\' \\" },
	sub { "$_[0]\n$_[1]" },
	sub { "$_[0] \$\$ $_[1]" },
	sub { "$_[0] /* $_[1]" },
	sub { "Ł$_[0] { $_[1] }, (\"" },
	sub { "$_[0] \$1 <$_[1]> & 100%s %m" });

# A marker is a value and its pieces, none of which may show. Kinds: ssn, email, name and words; without one, the first
# three in turn.
sub make_markers
{
	my ($count, $kind) = @_;
	return map { _marker($kind // (qw(ssn email name))[ $made % 3 ]) } 1 .. $count;
}

sub _marker
{
	my ($kind) = @_;
	my $number = $made++;
	my @words = (_word(), _word());
	if ($kind eq 'ssn')
	{
		# The first seven characters are another for each.
		my $area = sprintf '9%02d-%02d-', $number / 100, $number % 100;
		my $serial = sprintf '%04d', 1000 + int rand 9000;
		(my $digits = "$area$serial") =~ s/-//g;
		return { value => "$area$serial", pieces => [ "$area$serial", $area, $digits ] };
	}
	return { value => "$words[0]\@$words[1].example", pieces => \@words } if $kind eq 'email';
	return { value => "@words", pieces => \@words } if $kind eq 'words';
	my $value = $names[ int($number / 3) % @names ]->(@words);
	return { value => $value, pieces => \@words };
}

sub _word
{
	my $word;
	do { $word = join '', map { substr('bcdfghjklmnpqrstvwxz', rand 20, 1) . substr('aeiou', rand 5, 1) } 1 .. 5 }
	  while $used{$word}++;
	return $word;
}

# How a piece could be written down, in lower case: as it is, in hexadecimal, in base64 at each of the three places that it
# can begin at, and as the bytes of a node tree.
sub forms_of
{
	my ($piece) = @_;
	my $bytes = encode_utf8($piece);
	my @forms = ($bytes, unpack('H*', $bytes), join(' ', unpack('c*', $bytes)));
	foreach my $offset (0 .. 2)
	{
		my $first = int((8 * $offset + 5) / 6);    # the first character that is of the piece alone
		my $behind = int(8 * ($offset + length $bytes) / 6);
		push @forms, substr(encode_base64(('x' x $offset) . $bytes, ''), $first, $behind - $first);
	}
	return @forms;
}

# Which of the markers are found in texts (name => reference to bytes), within a line: index of the marker => names of the
# texts. The second result shows where. Pieces have at least five characters.
sub markers_in
{
	my ($markers, %texts) = @_;
	my %owner;
	foreach my $i (0 .. $#$markers)
	{
		foreach my $piece (@{ $markers->[$i]{pieces} })
		{
			my ($plain, @encoded) = forms_of($piece);
			$owner{$_} = $i foreach $plain, ucfirst $plain, @encoded;
		}
	}
	# By their beginnings, some thousands at a time: of more, or of longer ones, Perl makes no automaton.
	my %beginning;
	$beginning{ substr $_, 0, 5 }{ length $_ } = 1 foreach keys %owner;
	my @beginnings = sort keys %beginning;
	my (%found, @excerpts);
	while (my @some = splice @beginnings, 0, 8000)
	{
		my $any = join '|', map { quotemeta } @some;
		$any = qr/($any)/;
		foreach my $name (sort keys %texts)
		{
			# By lines: Perl copies the string that it has found something in.
			foreach my $line (split /\n/, ${ $texts{$name} })
			{
				while ($line =~ /$any/g)
				{
					my $at = $-[0];
					foreach my $length (keys %{ $beginning{$1} })
					{
						my $i = $owner{ substr $line, $at, $length };
						next if !defined $i || $found{$i}{$name}++;
						push @excerpts, "$name: ..." . substr($line, $at > 200 ? $at - 200 : 0, 300) . '...';
					}
					pos($line) = $at + 1;
				}
			}
		}
	}
	return (\%found, \@excerpts);
}

# SQL for a value, and for a quoted name.
sub literal
{
	my ($value) = @_;
	$value =~ s/'/''/g;
	return "'$value'";
}

sub identifier
{
	my ($value) = @_;
	$value =~ s/"/""/g;
	return qq("$value");
}

1;
