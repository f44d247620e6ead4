# A server gets the root key of its keyring from each of examples/providers, set up with the very commands of the README
# there. A provider that is out of order locks personal data, says why, and is put right without a restart.
#
# SoftHSM, swtpm, age, GnuPG and systemd-creds are themselves. Vault and the clouds are stand-ins, which know their
# arguments and the shape of their answers and nothing else.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use IPC::Run qw();
use JSON::PP qw();
use PiiCluster;
use MIME::Base64 qw();
use POSIX qw();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $scripts = abs_path("$FindBin::Bin/../../examples/providers");
my $secret  = 'Jane Q. Public-Doe';
my %section = sections(slurp_file("$scripts/README.md"));

# Paths of sockets, GnuPG's and the TPM's, have 107 bytes at most.
my $short = PostgreSQL::Test::Utils::tempdir_short();
my $dir;    # of the provider under test

my $node = PiiCluster->started('main');
$node->safe_psql('postgres', qq{
	CREATE TABLE plain (word text);
	INSERT INTO plain VALUES ('one');
	CREATE TABLE people (id int, name pii_text(name));
	INSERT INTO people VALUES (0, '$secret')});
my $keyring_text = slurp_file($node->keyring);
my %keys         = keyring_keys($node->keyring);
my %keyring_needles = map { needle_forms($_, $keys{$_}) } keys %keys;

# ---------------------------------------------------------------------------------------------------------------------
# The README

# Blocks of indented lines by heading: what is for postgresql.conf, and what is for the shell.
sub sections
{
	my ($text) = @_;
	my %section;
	foreach my $part (split /^## /m, $text)
	{
		my ($name) = $part =~ /\A(.*)/;
		foreach my $block ($part =~ /((?:^    .*\n)+)/mg)
		{
			$block =~ s/^    //mg;
			push @{ $section{$name}{ $block =~ /\Apii\./ ? 'conf' : 'commands' } }, $block;
		}
	}
	return %section;
}

# The README's text with the paths of this test.
sub here
{
	my ($text, $provider) = @_;
	$text =~ s{/usr/local/lib/pii/NAME}{/usr/local/lib/pii/$provider}g;
	$text =~ s{/usr/local/lib/pii}{$scripts}g;
	$text =~ s{/etc/postgresql/pii}{$dir}g;
	$text =~ s{https://vault.example.com:8200}{$ENV{VAULT_ADDR}}g;
	$text =~ s{^pii-keyring}{$ENV{PII_KEYRING} || 'pii-keyring'}gme;
	return $text;
}

# What a line for postgresql.conf sets: (name, value).
sub setting
{
	my ($conf, $provider) = @_;
	my ($name, $value) = here($conf, $provider) =~ /\A(pii\.\w+) = '(.*)'\n\z/ or die "no setting: $conf";
	return ($name => $value);
}

# What they print; undef when they fail.
sub run_commands
{
	my ($commands, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $done = IPC::Run::run([ 'sh', '-eu', '-c', $commands ], '<', '/dev/null', '>', \my $out, '2>', \my $err);
	ok($done, $name) or diag("$commands\n$out$err");
	return $done ? $out : undef;
}

# ---------------------------------------------------------------------------------------------------------------------
# Programs: what they are called with is written down, for other users can see it.

my $arguments = "$short/arguments";
mkdir "$short/bin";
$ENV{PATH} = "$short/bin:$ENV{PATH}";

sub install_program
{
	my ($name, $text) = @_;
	write_private("$short/bin/$name", qq{#!/bin/sh\nprintf '%s\\n' "$name \$*" >>$arguments\n$text\n}, 0700);
	return;
}

# The kernel's /dev/tpmrm0 takes out of the TPM what a program leaves in it. swtpm has no room and nobody to do that.
my $flush = 'for what in transient-object loaded-session; do tpm2_flushcontext --$what >/dev/null 2>&1; done';
foreach my $name (qw(age age-keygen curl gpg jq openssl pkcs11-tool systemd-creds),
	map { "tpm2_$_" } qw(create createpolicy createprimary evictcontrol load unseal))
{
	my ($program) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
	install_program($name,
		$name =~ /tpm2|systemd/ ? qq{$program "\$@"; status=\$?; $flush; exit \$status} : qq{exec $program "\$@"});
}

# A cloud's program encrypts with a key of its own, or keeps the secret.
my $cloud = "$short/cloud";
mkdir $cloud;
write_private("$cloud/key", new_key());
my $cipher = "openssl enc -aes-256-ctr -pbkdf2 -pass file:$cloud/key";
$ENV{GOOGLE_KMS_KEY} = 'projects/PROJECT/locations/LOCATION/keyRings/KEYRING/cryptoKeys/pii';
$ENV{AZURE_VAULT}    = 'VAULT';
install_program('aws', <<"END");
case "\$*" in
"kms generate-data-key-without-plaintext --key-id alias/pii --key-spec AES_256 --query CiphertextBlob --output text")
	openssl rand 32 | $cipher | base64 --wrap 0 && echo ;;
"kms decrypt --key-id alias/pii --ciphertext-blob fileb://\$PII_DIR/root-key.aws --query Plaintext --output text")
	[ ! -e $cloud/denied ] || {
		echo "An error occurred (AccessDeniedException) when calling the Decrypt operation" >&2
		exit 254
	}
	$cipher -d -in "\$PII_DIR/root-key.aws" | base64 --wrap 0 && echo ;;
*) exit 252 ;;
esac
END
install_program('gcloud', <<"END");
case "\$*" in
"kms encrypt --key=$ENV{GOOGLE_KMS_KEY} --plaintext-file=- --ciphertext-file=\$PII_DIR/root-key.google")
	$cipher -out "\$PII_DIR/root-key.google" ;;
"kms decrypt --key=$ENV{GOOGLE_KMS_KEY} --ciphertext-file=\$PII_DIR/root-key.google --plaintext-file=-")
	[ ! -e $cloud/denied ] || {
		echo "ERROR: (gcloud.kms.decrypt) PERMISSION_DENIED: Permission denied on resource" >&2
		exit 1
	}
	$cipher -d -in "\$PII_DIR/root-key.google" ;;
*) exit 2 ;;
esac
END
install_program('az', <<"END");
case "\$*" in
"keyvault secret set --vault-name VAULT --name pii-root-key --file /dev/stdin --encoding utf-8 --output none")
	$cipher -out $cloud/secret ;;
"keyvault secret show --vault-name VAULT --name pii-root-key --query value --output tsv")
	[ ! -e $cloud/denied ] || { echo "ERROR: (Forbidden) The user does not have secrets get permission" >&2; exit 1; }
	$cipher -d -in $cloud/secret ;;
*) exit 2 ;;
esac
END

# ---------------------------------------------------------------------------------------------------------------------
# Vault: KV version 2, in a process of its own. Answers as the API documentation of Vault has them.

my $vault_token  = 'hvs.' . unpack('H*', substr(new_key(), 0, 20));
my $vault_socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die $!;
$ENV{VAULT_ADDR} = 'http://127.0.0.1:' . $vault_socket->sockport;
my $vault = fork // die $!;
serve_vault() if $vault == 0;
close $vault_socket;

sub serve_vault
{
	my %secrets;
	while (my $client = $vault_socket->accept)
	{
		my ($method, $path) = split ' ', scalar <$client>;
		my (%header, $body);
		while (defined(my $line = <$client>))
		{
			last unless $line =~ /\A([\w-]+): *(.*?)\r\n/;
			$header{ lc $1 } = $2;
		}
		read $client, $body, $header{'content-length'} // 0;
		my ($status, $answer) = ('404 Not Found', { errors => [] });
		if (($header{'x-vault-token'} // '') ne $vault_token)
		{
			($status, $answer) = ('403 Forbidden', { errors => ['permission denied'] });
		}
		elsif ($path =~ m{\A/v1/secret/data/[\w-]+\z})
		{
			my %metadata = (created_time => '2026-01-31T00:00:00.0Z', custom_metadata => undef,
				deletion_time => '', destroyed => JSON::PP::false, version => 1);
			$secrets{$path} = JSON::PP::decode_json($body)->{data} if $method eq 'POST';
			($status, $answer) = ('200 OK',
				{ data => $method eq 'POST' ? \%metadata : { data => $secrets{$path}, metadata => \%metadata } })
			  if $secrets{$path};
		}
		my $text = JSON::PP::encode_json($answer);
		print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: ", length $text,
		  "\r\nConnection: close\r\n\r\n$text";
		close $client;
	}
	POSIX::_exit(0);
}

# ---------------------------------------------------------------------------------------------------------------------
# The TPM, which forgets what it measured when it is switched off

my $tpm = "$short/tpm";
mkdir $tpm;
$ENV{TPM2TOOLS_TCTI} = $ENV{SYSTEMD_TPM2_DEVICE} = "swtpm:path=$tpm/socket";

sub boot_tpm
{
	system_or_bail('swtpm', 'socket', '--tpm2', '--server', "type=unixio,path=$tpm/socket",
		'--ctrl', "type=unixio,path=$tpm/socket.ctrl", '--tpmstate', "dir=$tpm", '--flags', 'not-need-init,startup-clear',
		'--pid', "file=$tpm/pid", '--log', "file=$tpm/log", '--daemon');
	return measure('the good loader');
}

sub measure { return system_or_bail('tpm2_pcrevent', '--quiet', '7', measured_file($_[0])); }

sub measured_file
{
	write_private("$tpm/measured", $_[0]);
	return "$tpm/measured";
}

sub switch_off_tpm
{
	return unless -e "$tpm/pid";
	my $pid = slurp_file("$tpm/pid");
	# As a kernel does: after some losses of power a TPM believes that somebody guesses, and locks.
	system('tpm2_shutdown', '--clear');
	kill 'TERM', $pid;
	# It removes the file when it has ended.
	usleep(10_000) while -e "$tpm/pid" && kill 0, $pid;
	unlink "$tpm/pid";
	return;
}

sub reboot_tpm { switch_off_tpm(); return boot_tpm(); }

END
{
	my $status = $?;
	switch_off_tpm();
	if ($vault) { kill 'KILL', $vault; waitpid $vault, 0; }
	system("GNUPGHOME=$short/gnupg/gnupg gpgconf --kill all") if -d "$short/gnupg/gnupg";
	$? = $status;
}

# ---------------------------------------------------------------------------------------------------------------------
# The providers, and what goes wrong with them: how, what the provider says, and how it is put right

sub hide { my ($file) = @_; return sub { rename "$dir/$file", "$dir/$file.away" or die "$file: $!"; }; }
sub show { my ($file) = @_; return sub { rename "$dir/$file.away", "$dir/$file" or die "$file: $!"; }; }
sub write_pin     { return write_private("$dir/pkcs11-pin",    "$_[0]\n"); }
sub write_headers { return write_private("$dir/vault-headers", "X-Vault-Token: $_[0]\n"); }
sub kill_agent { return system_or_bail('gpgconf', '--homedir', "$dir/gnupg", '--kill', 'gpg-agent'); }
sub deny  { return write_private("$cloud/denied", ''); }
sub allow { return unlink "$cloud/denied"; }

my $pin;
my $other_loader = [ 'another boot loader', sub { measure('a bad loader') }, qr/policy/i, \&reboot_tpm ];
my $no_tpm       = [ 'no TPM', \&switch_off_tpm, qr/tpm/i, \&boot_tpm ];
my $no_access    = [ 'no permission', \&deny, qr/AccessDenied|PERMISSION_DENIED|Forbidden/, \&allow ];
my $no_key_file  = [ 'no key file', hide('credential.secret'), qr/Failed to determine local credential key/,
	show('credential.secret') ];
my $wrong_pin    = [ 'wrong PIN', sub { $pin = slurp_file("$dir/pkcs11-pin"); write_pin('0000') }, qr/CKR_PIN_INCORRECT/,
	sub { write_pin($pin) } ];
my $no_token     = [ 'no token', hide('tokens'), qr/No slot with a token was found|CKR/, show('tokens') ];
my $wrong_token  = [ 'wrong token', sub { write_headers('hvs.other') }, qr/error: 403/, sub { write_headers($vault_token) } ];
my $no_identity  = [ 'no identity', hide('age-identity'), qr/no such file/, show('age-identity') ];
my $no_secret    = [ 'no secret key', sub { kill_agent(); hide('gnupg/private-keys-v1.d')->() }, qr/No secret key/,
	sub { rmdir "$dir/gnupg/private-keys-v1.d"; show('gnupg/private-keys-v1.d')->(); kill_agent() } ];

my @providers = (
	{ name => 'tpm2', prepare => \&boot_tpm, troubles => [ $other_loader, $no_tpm ] },
	{ name => 'tpm2', variant => 'no PCR', prepare => \&empty_tpm, environment => { TPM2_PCRS => '' },
	  change => sub { s/^tpm2_createpolicy.*\n//m; s/ --policy pcr.policy// }, troubles => [$no_tpm] },
	{ name => 'systemd-creds', troubles => [ $other_loader, $no_tpm, $no_key_file ] },
	{ name => 'systemd-creds', variant => 'no TPM', prepare => \&switch_off_tpm,
	  change => sub { s/host\+tpm2 --tpm2-pcrs=7/host/ }, troubles => [$no_key_file] },
	{ name => 'pkcs11', prepare => \&make_softhsm, troubles => [ $wrong_pin, $no_token ] },
	{ name => 'vault',  prepare => sub { write_headers($vault_token) }, troubles => [$wrong_token] },
	{ name => 'aws-kms',        troubles => [$no_access] },
	{ name => 'google-kms',     troubles => [$no_access] },
	{ name => 'azure-keyvault', troubles => [$no_access] },
	{ name => 'age',            troubles => [$no_identity] },
	{ name => 'gnupg',          troubles => [$no_secret] });

sub make_softhsm
{
	$ENV{SOFTHSM2_CONF} = "$dir/softhsm2.conf";
	mkdir "$dir/tokens";
	return write_private($ENV{SOFTHSM2_CONF}, "directories.tokendir = $dir/tokens\n");
}

# As the README says.
sub empty_tpm { return system_or_bail('tpm2_evictcontrol', '--quiet', '--hierarchy', 'o', '--object-context', '0x81018000'); }

sub is_readable_and_writable
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->gives('SELECT name FROM people WHERE id = 0', $secret, "$name: personal data is readable");
	$node->gives(qq{INSERT INTO people VALUES (1, 'New One'); DELETE FROM people WHERE id = 1 RETURNING name}, 'New One',
		"$name: personal data is written");
	$node->gives('SELECT DISTINCT last_error IS NULL FROM pii_keyring', 't', "$name: pii_keyring shows no error");
	return;
}

sub is_out_of_order
{
	my ($provider, $trouble, $command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($what, $break, $says, $repair) = @$trouble;
	my $name = "$provider, $what";
	$break->();

	my $done = IPC::Run::run([ 'sh', '-c', $command ], '<', '/dev/null', '>', \my $out, '2>', \my $err);
	ok(!$done && $out eq '', "$name: the script fails and prints nothing");
	like($err, $says, "$name: the script says why");

	my $offset = $node->log_size;
	$node->start_again("$name: the server starts") or BAIL_OUT('no server to go on with');
	my $reason = qr/pii\.root_key_command: it exited with status \d+/;
	like($node->log_since($offset), $says, "$name: what the script says is in the log");
	like($node->log_since($offset), qr/LOG:  pii: keyring refused, personal data is locked\n.*DETAIL:  $reason/,
		"$name: the log says that data is locked");
	$node->gives(q{SELECT last_error ~ 'root_key_command: it exited with status' FROM pii_keyring}, 't',
		"$name: pii_keyring says why");
	$node->fails('SELECT name FROM people', '55000', qr/personal data is locked/, "$name: personal data is locked");
	$node->gives('SELECT * FROM plain', 'one', "$name: other data is not");

	$repair->();
	$node->succeeds('SELECT pii_reload_keyring()', "$name: a reload unlocks");
	$node->gives('SELECT name FROM people WHERE id = 0', $secret, "$name: and then data is readable");
	return;
}

# What is stored and what was said holds neither the keyring's keys nor the root key.
my %all_needles = %keyring_needles;

foreach my $provider (@providers)
{
	my $script = $provider->{name};
	my $name   = $script . (defined $provider->{variant} ? " ($provider->{variant})" : '');
	$dir = "$short/" . ($name =~ s/\W+/_/gr);
	mkdir $dir, 0700 or die "$dir: $!";
	local %ENV = (%ENV, PII_DIR => $dir, %{ $provider->{environment} // {} });
	$provider->{prepare}->() if $provider->{prepare};

	my $setup = $section{$script}{commands}[0];
	$_ = $setup;
	$provider->{change}->() if $provider->{change};
	defined run_commands(here("umask 077\n$_", $script), "$name: the commands of the README work") or next;

	write_private("$dir/keyring.json", $keyring_text);
	run_commands("age-keygen --output $dir/offline-identity 2>&1", "$name: a key to keep offline");
	local $ENV{OFFLINE_RECIPIENT} = `age-keygen -y $dir/offline-identity` =~ s/\s+//gr;
	run_commands(here("umask 077\n$section{'All of them'}{commands}[2]", $script), "$name: wrapping the keyring works");

	my %settings = (setting($section{'All of them'}{conf}[0], $script), setting($section{$script}{conf}[0], $script));
	my $command  = $settings{'pii.root_key_command'};
	my $root_key = run_commands($command, "$name: the script works");
	like($root_key, qr{\A[A-Za-z0-9+/]{43}=\s*\z}, "$name: it prints 32 bytes in base64 and nothing else");
	is(run_commands("age --decrypt --identity $dir/offline-identity $dir/root-key-recovery.age", "$name: the copy opens"),
		$root_key, "$name: and is the root key");
	my %root_needles = needle_forms("root key of $name", MIME::Base64::decode_base64($root_key));
	is(join(', ', search_files({ %keyring_needles, %root_needles }, files_below($dir))), '',
		"$name: no file holds a key of the keyring or the root key");
	%all_needles = (%all_needles, %root_needles);

	$node->configure(%settings);
	$node->start_again("$name: the server starts") or BAIL_OUT('no server to go on with');
	is_readable_and_writable($name);
	is_out_of_order($name, $_, $command) foreach @{ $provider->{troubles} };

	next unless $script eq 'vault';
	run_commands(here($section{vault}{commands}[1], $script), 'vault: the keyring itself is stored there');
	my $offset = $node->log_size;
	$node->configure(setting($section{vault}{conf}[1], $script), 'pii.keyring_file' => undef);
	unlink "$dir/keyring.json";
	$node->start_again('vault, with the keyring in it: the server starts') or BAIL_OUT('no server to go on with');
	is_readable_and_writable('vault, with the keyring in it');
	$node->configure('pii.keyring_command' => undef);
}

is(join(', ', sort grep { !$section{$_} } map { s{.*/}{}r } grep { -x } glob("$scripts/*")), '',
	'the README has each script');
is(join(', ', search_files(\%all_needles, $node->logfile, $arguments, files_below($node->pgdata))), '',
	'no key is in the log, in the data directory or on a command line');
my $called = slurp_file($arguments);
unlike($called, qr/\Q$vault_token\E/, 'the token of Vault is on no command line');
like($called, qr/--pin env:PKCS11_PIN/, 'PINs are in the environment');
unlike($called, qr/--(?:so-|new-)?pin (?!env:)/, 'and on no command line');

done_testing();
