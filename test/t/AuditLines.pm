# AuditLines reads the audit trail that pii writes to the server log.

package AuditLines;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP qw();
use Test::More;

our @EXPORT = qw(audit_lines audit_lines_in short_of);

# The lines that a piece of the log has, decoded. A line that is no JSON, or that goes on in the next one, fails the test.
sub audit_lines_in
{
	my ($log) = @_;
	my @lines;
	foreach my $line (split /\n/, $log)
	{
		next unless $line =~ / (LOG|WARNING):  pii audit: (.*)\z/;
		my ($severity, $json) = ($1, $2);
		my $fields = eval { JSON::PP->new->utf8->decode($json) };
		unless ($fields)
		{
			fail("an audit line is JSON: $json");
			next;
		}
		$fields->{logged_as} = $severity;
		push @lines, $fields;
	}
	return @lines;
}

# Runs code; gives what was audited meanwhile.
sub audit_lines
{
	my ($node, $code) = @_;
	my $offset = $node->log_size;
	$code->();
	return audit_lines_in($node->log_since($offset));
}

# Lines in short, sorted: operation class table values decision.
sub short_of
{
	my (@lines) = @_;
	return join "\n", sort map { join ' ', map { $_ // '-' } @$_{qw(operation class table values decision)} } @lines;
}

1;
