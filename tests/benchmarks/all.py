"""Every row of figures there is, one measurement after the other, in one table: each figure beside its gate and its ambition.

    python -m studio bench all [--json FILE]

A measurement takes part by naming its rows in `TABLE`, and by writing, with `--json`, a list of them: `row`, `met`, and `bars`, each with `measured`,
`gate`, `ambition` and `sign` (or `reason`, where it could not be measured). Nothing is measured while others use more than a tenth of the processors.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from tests.benchmarks.shared import quiet  # noqa: E402


def tables(folder: Path) -> dict[Path, list[str]]:
    """The measurements that take part, with the names of their rows."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE":
                found[file] = list(ast.literal_eval(node.value))
    return found


def measured(file: Path, rows: list[str]) -> list[dict]:
    """What one measurement found; rows it ended without are rows that are not met."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        code = subprocess.run([sys.executable, str(file), "--json", str(report)], cwd=HERE, check=False).returncode
        found = json.loads(report.read_text("utf-8")) if report.is_file() else []
    missing = [{"row": name, "met": False, "reason": f"ended with {code} before it"} for name in rows if name not in [row["row"] for row in found]]  # fmt: skip
    return [*found, *missing]


def lines(report: list[dict]) -> list[str]:
    """The table: row, what is measured, gate, ambition, figure, and whether the row is met."""
    shown = [("row", "of", "gate", "ambition", "measured", "")]
    for row in report:
        verdict = "met" if row["met"] else "skipped" if row.get("skipped") else "NOT MET"
        for name, bar in row.get("bars", {}).items():
            shown.append(
                (row["row"], name, *(f"{bar['sign']} {bar[key]:.4g}" for key in ("gate", "ambition")), f"{bar['measured']:.4g}", verdict)
            )
        if "bars" not in row:
            shown.append((row["row"], "", "", "", str(row.get("reason") or row.get("unfinished", "")), verdict))
    widths = [max(len(line[n]) for line in shown) for n in range(len(shown[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in shown]


def main() -> int:
    """Measure everything and print the table; 0 when every row is met or was skipped with a reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if (share := quiet.disturbed()) > quiet.LOUD:
        sys.exit(f"Others use {share:.0%} of the processors. Nothing was measured. End them, and measure again.")
    report = [row for file, rows in tables(Path(__file__).parent).items() for row in measured(file, rows)]
    if given.json:
        given.json.write_text(json.dumps({"processor": quiet.processor(), "rows": report}, indent=1))
    print(quiet.processor())
    print("\n".join(lines(report)))
    return 0 if all(row["met"] or row.get("skipped") for row in report) else 1


if __name__ == "__main__":
    sys.exit(main())
