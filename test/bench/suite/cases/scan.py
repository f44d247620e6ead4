"""Full scans of one sealed column in its forms, beside the same scan of plain text."""

from measure import Check, Ratio, Result

# What a value may cost besides the cipher.
BAR_NS = 500


def scan(bench, name, title, expression):
    values = bench.compare(lambda side: f"SELECT count({'ssn' if side == 'plain' else expression}) FROM people_{side}")
    return Result(name, title, "µs a value", values, [Ratio()])


def scan_untouched(bench):
    return scan(bench, "scan_untouched", "scan, count(ssn)", "ssn")


def scan_reveal(bench):
    result = scan(bench, "scan_reveal", "scan, pii_reveal(ssn)", "pii_reveal(ssn)")
    core = bench.result("core")
    if core:
        more = (result.median("sealed") - result.median("plain")) * 1000 - core.median("BareReveal/reused_key")
        result.checks.append(Check("cost of pii_reveal() in a scan over plain text and over the bare cipher", round(more),
                                   BAR_NS, "ns a value"))
    return result


def scan_mask(bench):
    return scan(bench, "scan_mask", "scan, pii_mask(ssn)", "pii_mask(ssn)")


def scan_sealed(bench):
    return scan(bench, "scan_sealed", "scan, pii_sealed(ssn)", "pii_sealed(ssn)")


def scan_blind_index(bench):
    return scan(bench, "scan_blind_index", "scan, pii_blind_index(ssn)", "pii_blind_index(ssn)")


CASES = [scan_untouched, scan_reveal, scan_mask, scan_sealed, scan_blind_index]
