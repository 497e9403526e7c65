"""The verbs that make calls: ``python -m report <verb>``, run from the project's root."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from report.errors import ReportError
from report.settings import PUBLISHED, Settings, choose

ROOT = Path(__file__).resolve().parent.parent


def _settings(given: argparse.Namespace) -> Settings:
    # Verbs that publish have a profile of their own, and parsers that share options share defaults.
    own = {"take": "paper", "publish": PUBLISHED, "compare": PUBLISHED}
    return choose(
        ROOT,
        profile=given.profile or own.get(given.verb, "quick"),
        studies=given.studies,
        data_dir=given.data_dir,
        build_dir=given.build_dir,
        remeasure=given.remeasure,
    )


def prepare(given: argparse.Namespace) -> None:
    """Check profile, studies and parameters; bring the hashes of what they depend on up to date."""
    from report.inputs import write_inputs
    from report.parameters import parameters

    settings = _settings(given)
    for study in settings.studies if given.parameter else ():
        parameters(settings, study, given.parameter)
    write_inputs(settings)


def execute(given: argparse.Namespace) -> None:
    """Execute the chosen studies, with -p under <build>/custom."""
    from report.execute import custom, execute
    from report.parameters import parameters

    settings = _settings(given)
    for study in settings.studies:  # all of them are checked before the first one runs
        parameters(settings, study, given.parameter)
    if given.parameter:
        settings = custom(settings)
    for study in settings.studies:
        path = execute(settings, study, parameters(settings, study, given.parameter))
        print(settings.shown(path))
        if given.parameter:
            print(settings.shown(settings.profile_dir / "results" / study))


def html(given: argparse.Namespace) -> None:
    """Write report.html of the executed studies."""
    from report.html import build_html

    settings = _settings(given)
    folder = settings.profile_dir
    build_html(folder, list(settings.studies), folder / "report.html")


def pdf(given: argparse.Namespace) -> None:
    """Write report.pdf of the executed studies."""
    from report.pdf import build_pdf

    settings = _settings(given)
    folder = settings.profile_dir
    build_pdf(folder, list(settings.studies), folder / "report.pdf")


def finished(given: argparse.Namespace) -> None:
    """Say where the report is and how long it took."""
    settings = _settings(given)
    for name in ("report.html", "report.pdf"):
        print(settings.shown(settings.profile_dir / name))
    print(f"{(time.time() - given.started) / 60:.1f} minutes")


def notebooks(given: argparse.Namespace) -> None:
    """Write the paired .ipynb of every study, or with --from-ipynb the texts."""
    from report.pairing import write_notebooks, write_texts

    written = (write_texts if given.from_ipynb else write_notebooks)(ROOT)
    for name in written:
        print(f"notebooks/{name}")
    if not written:
        print("nothing to do: every .py and its .ipynb hold the same")


def check(given: argparse.Namespace) -> None:
    """Check notebooks, pairs, profile files, README, lib's imports, and the published page."""
    from report import architecture, page_fill, pairing, prose, readme, structure
    from report.parameters import parameters
    from report.records import published_dir
    from report.settings import MEASURING, all_studies
    from report.versions import published_code

    studies = all_studies(ROOT)
    said = [] if studies else ["no study in notebooks/: a study is a file NN_name.py there"]
    for study in studies:
        said += structure.problems(ROOT / "notebooks" / f"{study}.py")
        for profile in MEASURING:
            try:
                parameters(choose(ROOT, profile=profile, studies=[study]), study)
            except ReportError as error:
                said.append(str(error))
    said += pairing.problems(ROOT)
    said += readme.problems(ROOT)
    said += prose.problems(ROOT)
    said += page_fill.published_problems(published_dir(ROOT) / "report.pdf")
    library = architecture.read(ROOT)
    said += architecture.problems(library)
    if said:
        raise ReportError("\n".join(dict.fromkeys(said)))
    print(f"{len(studies)} studies: structure, pairing, profiles, README and page are right")
    print(architecture.summary(library))
    print("\n".join(published_code(ROOT)))


def take(given: argparse.Namespace) -> None:
    """Put the records of executed studies of paper into report/published/record."""
    from report.publish import take

    settings = _settings(given)
    named = settings.studies if given.studies.strip() else ()
    take(
        settings,
        named=named,
        allow_dirty=given.allow_dirty,
        incomplete=given.incomplete,
        replace=given.replace,
    )


def publish(given: argparse.Namespace) -> None:
    """Put the report of the profile published beside the records; renew the README's table."""
    from report.publish import publish
    from report.readme import problems, write_blocks

    if given.table:
        write_blocks(ROOT)
    elif not given.check:
        publish(_settings(given))
    elif said := problems(ROOT):
        raise ReportError("\n".join(said))


def compare(given: argparse.Namespace) -> None:
    """Fail where report/published is not what this tree makes of its record."""
    from report.compare import compare

    compare(_settings(given))


def equivalent(given: argparse.Namespace) -> None:
    """Note which versions of functions were shown to give the same numbers."""
    from report.equivalent import append

    rows = append(
        ROOT,
        start=given.start,
        end=given.end,
        shown=given.shown,
        names=given.names.replace(",", " ").split(),
        studies=given.studies.replace(",", " ").split(),
        recorded=given.recorded,
    )
    for row in rows:
        print(
            f"{row['name']}: {row['from_version'][:12]} gives what {row['to_version'][:12]} gives"
        )
    print(f"{len(rows)} rows added to lib/studies/equivalent_versions.csv")


def merge(given: argparse.Namespace) -> None:
    """Add the entries of records that were measured elsewhere to those in --into."""
    from report.merging import merge

    print("\n".join(merge(ROOT, given.source.absolute(), given.target.absolute())))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m report", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    request = argparse.ArgumentParser(add_help=False)
    request.add_argument("--profile")
    request.add_argument("--studies", default="", help="names, separated by spaces or commas")
    request.add_argument("--data-dir", default="data")
    request.add_argument("--build-dir", default="build")
    request.add_argument("--remeasure", default="", help="stale: measure with changed code again")
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument(
        "-p", dest="parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE")
    )
    for verb, parents in (
        (prepare, [request, own]),
        (execute, [request, own]),
        (html, [request]),
        (pdf, [request]),
        (finished, [request]),
        (take, [request]),
        (publish, [request]),
        (compare, [request]),
        (notebooks, []),
        (check, []),
        (equivalent, []),
        (merge, []),
    ):
        added = verbs.add_parser(verb.__name__, parents=parents, help=verb.__doc__)
        added.set_defaults(run=verb)
    _add_options(verbs.choices)
    return parser


def _add_options(verbs: dict[str, argparse.ArgumentParser]) -> None:
    """Add the options that single verbs have."""
    verbs["finished"].add_argument("--started", type=float, required=True)
    for verb, flag, meaning in (
        ("notebooks", "--from-ipynb", "the other way round"),
        ("publish", "--check", "fail where the README is stale"),
        ("publish", "--table", "the README only"),
        ("take", "--allow-dirty", "also of uncommitted changes"),
        ("take", "--incomplete", "also of studies that are not done"),
        ("take", "--replace", "also where entries are lost"),
    ):
        verbs[verb].add_argument(flag, action="store_true", help=meaning)
    compared = verbs["equivalent"]
    compared.add_argument("--from", dest="start", required=True, metavar="COMMIT")
    compared.add_argument("--to", dest="end", default="HEAD", metavar="COMMIT")
    compared.add_argument("--shown", required=True, help="what was run and compared")
    compared.add_argument("--names", default="", help="functions; default all of published results")
    compared.add_argument("--studies", default="", help="whose settings showed it; default all")
    compared.add_argument("--recorded", type=Path, metavar="FILE", help="versions of --from")
    merged = verbs["merge"]
    merged.add_argument("--from", dest="source", type=Path, required=True, metavar="FOLDER")
    own = Path("build") / "paper" / "record"
    merged.add_argument("--into", dest="target", type=Path, default=own, metavar="FOLDER")


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; an error of the reader's is one message, without a traceback."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        from report.failures import of_system

        said = of_system(error, ROOT / getattr(given, "build_dir", ""))
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
