# WireSession is a session of PostgreSQL's protocol, version 3, for what psql 15 has no words for: parameters by Parse and
# Bind, with a type or of unknown type. It is also fast enough for thousands of small statements.

package WireSession;

use strict;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use IO::Socket::INET qw();
use IO::Socket::UNIX qw();
use Socket qw(SOCK_STREAM);

use constant {
	UNKNOWN       => 0,
	TEXT          => 25,
	VARCHAR       => 1043,
	TEXT_ARRAY    => 1009,
	VARCHAR_ARRAY => 1015,
};

# Connects to a PostgreSQL::Test::Cluster without a password. Parameters: dbname; user, its superuser unless given.
sub connected
{
	my ($class, $node, %params) = @_;
	my ($host, $port) = ($node->host, $node->port);
	my $socket =
	    $host =~ m{\A/}
	  ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => "$host/.s.PGSQL.$port")
	  : IO::Socket::INET->new(PeerHost => $host, PeerPort => $port, Proto => 'tcp');
	die "cannot connect to $host, $port: $!" unless $socket;
	my $self = bless { socket => $socket, unread => '', read_to => 0 }, $class;
	my $startup = pack('N', 196608)
	  . join("\0", user => $params{user} // scalar getpwuid($<), database => $params{dbname} // 'postgres', client_encoding => 'UTF8', '', '');
	$self->_write(pack('N', 4 + length $startup) . $startup);
	my (undef, $error) = $self->_answer;
	die "cannot start a session: $error" if defined $error;
	return $self;
}

# Runs one or more statements: (the rows of all of them, error or undef). A row is its fields with | between; NULL is ~.
sub query
{
	my ($self, $sql) = @_;
	$self->_write(_message('Q', encode_utf8($sql) . "\0"));
	return $self->_answer;
}

# The same, but an error ends the test. Gives the rows as a list.
sub run
{
	my ($self, $sql) = @_;
	my ($rows, $error) = $self->query($sql);
	die "$error\nin: $sql" if defined $error;
	return @$rows;
}

# Parses one statement, whose parameters have the types @$types, and runs it with each list of values, undef for NULL.
sub execute
{
	my ($self, @arguments) = @_;
	return $self->_execute(0, @arguments);
}

# The same with parameters and results in binary form.
sub execute_binary
{
	my ($self, @arguments) = @_;
	return $self->_execute(1, @arguments);
}

sub _execute
{
	my ($self, $format, $sql, $types, @value_lists) = @_;
	my $messages = _message('P', "\0" . encode_utf8($sql) . "\0" . pack('n/N*', @$types));
	foreach my $values (@value_lists)
	{
		my @sent = map { defined $_ ? pack('N/a*', encode_utf8($_)) : pack('N', 0xFFFFFFFF) } @$values;
		$messages .= _message('B', "\0\0" . pack('nn', 1, $format) . pack('n', scalar @sent) . join('', @sent) . pack('nn', 1, $format));
		$messages .= _message('E', "\0" . pack('N', 0));
	}
	$self->_write($messages . _message('S', ''));
	return $self->_answer;
}

sub _message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

sub _write
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		die "the server has closed the connection: $!" unless $written;
		substr($bytes, 0, $written, '');
	}
	return;
}

# Reads until the server is ready for the next query.
sub _answer
{
	my ($self) = @_;
	my (@rows, $error);
	while (1)
	{
		my ($type, $body) = $self->_read_message;
		if ($type eq 'D')
		{
			my ($count, $rest) = unpack 'n a*', $body;
			my (@fields, $at);
			$at = 0;
			for (1 .. $count)
			{
				my $size = unpack 'N', substr($rest, $at, 4);
				$at += 4;
				if ($size == 0xFFFFFFFF) { push @fields, '~'; next; }
				push @fields, decode_utf8(substr($rest, $at, $size));
				$at += $size;
			}
			push @rows, join '|', @fields;
		}
		elsif ($type eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, decode_utf8($body);
			$error //= "$field{C}: $field{M}" . (defined $field{D} ? " ($field{D})" : '');
			die "$error\n" if $field{S} eq 'FATAL' || $field{S} eq 'PANIC';
		}
		elsif ($type eq 'R')
		{
			die "the server wants a password\n" if unpack('N', $body) != 0;
		}
		elsif ($type eq 'Z')
		{
			return (\@rows, $error);
		}
	}
}

sub _read_message
{
	my ($self) = @_;
	$self->_fill(5);
	my ($type, $size) = unpack 'a N', substr($self->{unread}, $self->{read_to}, 5);
	$self->_fill($size + 1);
	my $body = substr($self->{unread}, $self->{read_to} + 5, $size - 4);
	$self->{read_to} += $size + 1;
	return ($type, $body);
}

sub _fill
{
	my ($self, $size) = @_;
	while (length($self->{unread}) - $self->{read_to} < $size)
	{
		substr($self->{unread}, 0, $self->{read_to}, '');
		$self->{read_to} = 0;
		sysread($self->{socket}, $self->{unread}, 65536, length $self->{unread})
		  or die "the server has closed the connection\n";
	}
	return;
}

# Ends the session, after the server has done with it.
sub quit
{
	my ($self) = @_;
	$self->_write(_message('X', ''));
	1 while sysread $self->{socket}, my $rest, 65536;
	close $self->{socket};
	return;
}

1;
