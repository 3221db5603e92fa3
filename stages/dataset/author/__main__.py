"""Tools for the author of a runbook: `python -m stages.dataset.author lint|preview|compare|adopt`."""

import argparse
import sys
from pathlib import Path

from shared.artifacts import ALL_SPLITS
from shared.errors import StageError, one_line
from stages.dataset.author.compare import compare, read_rows
from stages.dataset.author.folder import read_folder
from stages.dataset.author.lint import failed, lint
from stages.dataset.author.report import as_annotations, as_json, as_table
from stages.dataset.secrets.reporting import telling_no_secret

_RUNBOOK = "a file, a folder, a pattern, or several with commas between; else what config.yaml says, or docs/RUNBOOK.md"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 where a person has to mend something."""
    options = _parser().parse_args(arguments)
    try:
        with telling_no_secret():
            status: int = options.run(options)
    except StageError as error:
        print(one_line(str(error)), file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.dataset.author", description=__doc__)
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("lint", help="the call that each alert teaches, or the reason that it teaches none")
    check.add_argument("--format", choices=("table", "json", "github"), default="table")
    check.add_argument("--strict", action="store_true", help="fail where an alert waits for a decision, too")
    check.set_defaults(run=_lint)
    show = commands.add_parser("preview", help="rows as the model sees them")
    show.add_argument("--alert", default="", help="only rows of this alert")
    show.add_argument("--split", choices=ALL_SPLITS, default="train")
    show.add_argument("--rows", type=int, default=5)
    show.add_argument("--seed", type=int, default=0)
    show.set_defaults(run=_preview)
    draft = commands.add_parser("adopt", help="drafts of tools.yaml and config.yaml, of what the repository has")
    draft.add_argument("--function", default="*", metavar="PATTERN", help="only functions of such names: 'flux-*'")
    draft.add_argument("--also", action="append", default=[], metavar="FOLDER", help="where more functions lie")
    draft.add_argument("--index", action="store_true", help="an index of the pages in docs/runbooks, too")
    draft.set_defaults(run=_adopt)
    for command in (check, show, draft):
        command.add_argument("--agent", required=True)
        command.add_argument("--repository", type=Path, default=Path(), help="the GitOps repository's folder")
        command.add_argument("--runbook-path", default="", help=_RUNBOOK)
    versus = commands.add_parser("compare", help="what changed between two datasets")
    versus.add_argument("old", type=Path)
    versus.add_argument("new", type=Path)
    versus.add_argument("--json", action="store_true")
    versus.set_defaults(run=_compare)
    return parser


def _lint(options: argparse.Namespace) -> int:
    study = read_folder(options.repository, options.agent, options.runbook_path)
    found = lint(study)
    if options.format == "json":
        print(as_json(found))
    else:
        of_rules = study.findings.coverage.lines() if study.findings else ()
        table = as_table(found, len(study.files.page_paths), len(study.without_alert), of_rules)
        for line in table if options.format == "table" else as_annotations(found):
            print(line)
    return int(failed(found, options.strict))


def _preview(options: argparse.Namespace) -> int:
    from stages.dataset.author.preview import preview

    _, tools, findings = read_folder(options.repository, options.agent, options.runbook_path).sound()
    for text in preview(findings, tools, options.alert, options.split, max(options.rows, 1), options.seed):
        print(text)
    return 0


def _adopt(options: argparse.Namespace) -> int:
    # Not at the top, as lint is to answer at once.
    from stages.dataset.adopt import adopt
    from stages.dataset.adopt.report import summary

    request = adopt.Request(
        options.repository, options.agent, options.runbook_path, options.function, options.also, options.index
    )
    adoption = adopt.adopt(request)
    written = adopt.write(request, adoption)
    faults = read_folder(options.repository, options.agent, options.runbook_path).faults
    for line in summary(adoption, written, faults):
        print(line)
    return 0


def _compare(options: argparse.Namespace) -> int:
    found = compare(read_rows(options.old), read_rows(options.new))
    print(found.as_json() if options.json else "\n".join(found.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
