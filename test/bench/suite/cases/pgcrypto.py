"""Beside pgcrypto: encrypt_iv with a random IV, which does not authenticate, and pgp_sym_encrypt."""

from measure import Ratio, Result, interleave

from bench import FIRST_SSN, SSNS, STEP

KEY = "'\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'::bytea"
PASSWORD = "'correct horse battery staple'"

# The IV is stored in front of the ciphertext; drawn once a row, hence the OFFSET that keeps the subquery apart.
WRITE = {
    "plain": "SELECT id, ssn FROM people_plain WHERE id <= {rows}",
    "sealed": "SELECT id, ssn FROM people_plain WHERE id <= {rows}",
    "encrypt_iv": "SELECT id, iv || encrypt_iv(convert_to(ssn, 'UTF8'), " + KEY + ", iv, 'aes-cbc') FROM "
                  "(SELECT id, ssn, gen_random_bytes(16) AS iv FROM people_plain WHERE id <= {rows} OFFSET 0) AS people",
    "pgp": "SELECT id, pgp_sym_encrypt(ssn, " + PASSWORD + ") FROM people_plain WHERE id <= {rows}",
}
READ = {
    "plain": "ssn",
    "sealed": "pii_reveal(ssn)",
    "encrypt_iv": "convert_from(decrypt_iv(substr(ssn, 17), " + KEY + ", substr(ssn, 1, 16), 'aes-cbc'), 'UTF8')",
    "pgp": "pgp_sym_decrypt(ssn, " + PASSWORD + ")",
}
TYPES = {"plain": "text", "sealed": "pii_text(ssn)", "encrypt_iv": "bytea", "pgp": "bytea"}
RATIOS = [Ratio(), Ratio("encrypt_iv", "sealed", at_least=2.0), Ratio("pgp", "sealed")]


def rows_of(bench, side):
    return bench.sizes.pgp_rows if side == "pgp" else bench.sizes.pgcrypto_rows


def write(bench, side):
    bench.run(f"TRUNCATE crypto_{side}")
    rows = rows_of(bench, side)
    return bench.microseconds_each(f"INSERT INTO crypto_{side} {WRITE[side].format(rows=rows)}", rows)


def read(bench, side):
    return bench.microseconds_each(f"SELECT count({READ[side]}) FROM crypto_{side}", rows_of(bench, side))


def compare(bench, measure):
    return interleave({side: lambda side=side: measure(bench, side) for side in TYPES}, bench.sizes.slow_rounds)


def write_and_read(bench):
    for side, column in TYPES.items():
        bench.run(f"CREATE TABLE crypto_{side} (id bigint, ssn {column})")
    written = compare(bench, write)
    for side in TYPES:
        example = bench.value(f"SELECT {READ[side]} FROM crypto_{side} WHERE id = 1")
        if example != str(FIRST_SSN + STEP % SSNS):
            raise RuntimeError(f"{side} gives back something else")
        bench.run(f"VACUUM crypto_{side}")
    seen = compare(bench, read)
    for side in TYPES:
        bench.run(f"DROP TABLE crypto_{side}")
    return [Result("pgcrypto_insert", "INSERT beside pgcrypto", "µs a row", written, RATIOS),
            Result("pgcrypto_read", "reading beside pgcrypto", "µs a row", seen, RATIOS)]


CASES = [write_and_read]
