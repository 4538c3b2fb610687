"""What users read is true: commands parse, examples compile, cures install the right package."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from saccade.cli import COMMANDS, load
from saccade.cli.ray import with_address

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
CODE = sorted(
    path
    for pattern in ("src/**/*.py", "src/**/*.toml", "src/**/*.js", "src/**/*.html", "benchmarks/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

program = {name: load(name) for name in COMMANDS}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(page: Path) -> list[str]:
    """The lines of a page's code blocks that call the program, comments left out."""
    text = page.read_text("utf-8")
    blocks = [body for language, body in FENCED.findall(text) if language != "python"]
    blocks += re.findall(r"(?:^ {4}.*\n)+", FENCED.sub("", text), re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if re.match(r" *saccade [a-z]", line)]


EVERY_COMMAND = [(name(page), line) for page in PAGES for line in commands(page)]


def test_there_are_commands_to_try():
    assert len(EVERY_COMMAND) >= 15


@pytest.mark.parametrize(("page", "line"), EVERY_COMMAND)
def test_a_command_of_the_docs_parses(page, line):
    command, *arguments = shlex.split(line, comments=True)[1:]
    assert command in program, f"{page}: no command {command}"
    arguments = with_address(arguments)  # as the program does first
    program[command].make_context(command, arguments)  # raises on what it does not know


def test_every_option_in_the_docs_exists():
    options = {"--version", "--help"}
    options |= {"--nproc_per_node", "--multi_gpu", "--num_processes"}  # torchrun's, accelerate's
    for command in program.values():
        options |= {option for parameter in command.params for option in parameter.opts}
    for benchmark in (ROOT / "benchmarks").glob("*.py"):
        options |= set(re.findall(r"add_argument\(\s*\"(--[\w-]+)\"", benchmark.read_text("utf-8")))
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # names what is gone
            continue
        used = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", page.read_text("utf-8")))
        assert used <= options, name(page)


EXAMPLES = [
    (name(page), body)
    for page in PAGES
    for language, body in FENCED.findall(page.read_text("utf-8"))
    if language == "python"
]


@pytest.mark.parametrize(("page", "body"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_a_python_example_compiles_and_imports_what_there_is(page, body):
    tree = ast.parse(body, page)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("saccade"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert getattr(module, alias.name) is not None
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "saccade"
        ):
            assert getattr(importlib.import_module("saccade"), node.attr) is not None


# The name `saccade` is another project's in the package registry.
STRANGER = re.compile(r"pip install (?:-\S+ )*['\"]?saccade(?!-captioner)\b")
TRACES = re.compile(
    r"\b(asked for|not reached|hoped for|as wanted|was asked|were asked|the brief)\b"
    r"|(?<![\w.])\(given\)|\.\./shared|shared/data|(?<![\w.])/work/|(?<![\w.])/tmp/"
    r"|pypi\.org|pythonhosted|npmjs",
    re.IGNORECASE,
)


@pytest.mark.parametrize("pattern", [STRANGER, TRACES], ids=["distribution", "traces"])
def test_public_text_names_the_distribution_and_no_brief(pattern):
    tests = sorted((ROOT / "tests").rglob("*.py")) if pattern is STRANGER else []
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in [*PAGES, *CODE, *tests, ROOT / "pyproject.toml", ROOT / "Makefile"]
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_pattern_of_the_distribution_finds_the_wrong_one():
    assert STRANGER.search("run pip install 'saccade[java]'")
    assert STRANGER.search("pip install saccade")
    assert not STRANGER.search("pip install 'saccade-captioner[java]'")


def test_pictures_of_the_readme_show_outside_the_repository():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (ROOT / "README.md").read_text("utf-8"))
    assert pictures
    for address in pictures:
        start = "https://raw.githubusercontent.com/saccade-captioner/saccade/main/"
        assert address.startswith(start)
        assert (ROOT / address.removeprefix(start)).is_file()


def test_every_file_that_the_readme_draws_is_there():
    """The annotated tree at the README's end, both ways."""
    (tree,) = re.findall(
        r"^src/saccade/\n((?:  .*\n)+)", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    drawn = set(re.findall(r"^  (\S+)", tree, re.M))
    for entry in drawn:
        assert (ROOT / "src/saccade" / entry).exists(), entry
    rooms = {
        f"{path.name}/"
        for path in (ROOT / "src/saccade").iterdir()
        if path.is_dir() and path.name not in ("__pycache__", "presets")
    }
    assert rooms <= drawn


LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?\)")
OWN = re.compile(
    r"https://(?:github\.com/saccade-captioner/saccade/(?:blob|tree)"
    r"|raw\.githubusercontent\.com/saccade-captioner/saccade)/main/"
)
LINKS = [(name(page), link) for page in PAGES for link in LINK.findall(page.read_text("utf-8"))]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(("page", "link"), sorted(set(LINKS)))
def test_a_link_leads_to_a_file_and_heading_of_the_repository(page, link):
    target, _, anchor = OWN.sub("", link).partition("#")
    if "://" in target:
        return
    folder = ROOT if OWN.match(link) else (ROOT / page).parent
    path = (folder / target).resolve() if target else ROOT / page
    assert path.is_relative_to(ROOT)
    assert path.exists(), f"{page}: {link}"
    assert not anchor or anchor in headings(path), f"{page}: {link}"


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = {OWN.sub("", link) for page, link in LINKS if page == "README.md"}
    assert {name(page) for page in PAGES if page.parent.name == "docs"} <= linked
