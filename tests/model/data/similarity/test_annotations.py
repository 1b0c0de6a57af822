"""Sets of annotations, and diseases by their ontology's terms."""

from pathlib import Path

import numpy as np
import pytest

from tests.model.data.similarity.made import made, problems

SETS = {"a": {"x", "y", "z"}, "b": {"y", "z"}, "c": {"q"}, "d": {"x", "q"}}
JACCARD = [[len(s & t) / len(s | t) for t in SETS.values()] for s in SETS.values()]

# The upper part of MeSH above two tumours, as pairs.
PARENTS = {
    "tumours": ["neoplasms by site"],
    "breast tumours": ["neoplasms by site", "breast diseases"],
    "neoplasms by site": ["neoplasms"],
    "breast diseases": ["skin diseases"],
    "liver tumours": ["digestive tumours", "liver diseases"],
    "digestive tumours": ["neoplasms by site"],
    "liver diseases": ["digestive diseases"],
}


def ontology(folder: Path) -> Path:
    path = folder / "parents.csv"
    rows = [f"{child},{parent}" for child, own in PARENTS.items() for parent in own]
    path.write_text("\n".join(["child,parent", *rows]) + "\n")
    return path


def test_pairs_and_lists_give_the_jaccard_index(tmp_path: Path) -> None:
    pairs = [f"{name},{term}" for name, own in SETS.items() for term in sorted(own)]
    (tmp_path / "pairs.csv").write_text("\n".join(["gene,pathway", *pairs, pairs[0]]))
    from_pairs = made("annotations", tmp_path / "pairs.csv")
    assert from_pairs.names == tuple(SETS)
    np.testing.assert_allclose(from_pairs.values, JACCARD, rtol=0, atol=1e-15)
    assert "4 things, 4 annotations" in from_pairs.said[0]


def test_several_in_a_cell_are_told_apart(tmp_path: Path) -> None:
    rows = [f"{name}\t1\t{'; '.join(own)}|" for name, own in SETS.items()]
    (tmp_path / "lists.tsv").write_text("\n".join(["gene\tsize\tterms", *rows]))
    from_lists = made("annotations", tmp_path / "lists.tsv")
    np.testing.assert_allclose(from_lists.values, JACCARD, rtol=0, atol=1e-15)


def test_things_without_annotation_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("gene,terms\na,x\nb,\nc, ; \n,y\nd,x\nb,\n")
    lines = problems("annotations", path)
    assert [line.partition(" - ")[0] for line in lines] == [
        f"{path}, row 5, column 2: there is no name",
        f"{path}, row 3, column 2: 'b' has no annotation",
        f"{path}, row 4, column 2: 'c' has no annotation",
    ]


def test_a_missing_header_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("a,x\na,y\nb,x\n")
    (line,) = problems("annotations", path)
    assert "the first row, 'a,x', looks like a row of the data: the header is missing" in line


def test_wang_of_two_tumours_as_counted_by_hand(tmp_path: Path) -> None:
    """Above the breast's: 1 + 1/2 + 1/2 + 1/4 + 1/4; above the liver's: 1 + 2/2 + 2/4 + 1/8.

    They share "neoplasms by site" (1/2 and 1/4) and "neoplasms" (1/4 and 1/8).
    """
    (tmp_path / "diseases.txt").write_text("breast tumours\nliver tumours\n")
    similarity = made("ontology", tmp_path / "diseases.txt", ontology(tmp_path))
    assert similarity.names == ("breast tumours", "liver tumours")
    shared = (1 / 2 + 1 / 4) + (1 / 4 + 1 / 8)
    assert similarity.values[0, 1] == pytest.approx(shared / (2.5 + 2.625))


@pytest.mark.parametrize("decay", [0.5, 0.8])
def test_wang_agrees_with_its_definition(tmp_path: Path, decay: float) -> None:
    """D_d(t) is 1 for d, else decay times the largest of t's children at or above d."""
    terms = sorted({*PARENTS, *(parent for own in PARENTS.values() for parent in own)})
    children = {t: [c for c, own in PARENTS.items() if t in own] for t in terms}

    def above(d: str) -> set[str]:
        return {d}.union(*(above(parent) for parent in PARENTS.get(d, [])))

    def contribution(d: str, t: str) -> float:
        if d == t:
            return 1.0
        return max(decay * contribution(d, c) for c in children[t] if c in above(d))

    def similarity(a: str, b: str) -> float:
        both = above(a) & above(b)
        shared = sum(contribution(a, t) + contribution(b, t) for t in both)
        return shared / sum(contribution(d, t) for d in (a, b) for t in above(d))

    (tmp_path / "terms.txt").write_text("\n".join(terms))
    made_here = made(
        "ontology", tmp_path / "terms.txt", ontology(tmp_path), settings=[f"decay={decay}"]
    )
    assert made_here.names == tuple(terms)
    expected = [[similarity(a, b) for b in terms] for a in terms]
    np.testing.assert_allclose(made_here.values, expected, rtol=0, atol=1e-12)


def test_a_thing_with_several_terms_stands_for_all(tmp_path: Path) -> None:
    """Both tumours at once: 2 for them, 1/2 each for the four above, 1/4 for the three on top."""
    (tmp_path / "diseases.csv").write_text(
        "disease,terms\nD1,breast tumours\nD2,breast tumours;liver tumours\n"
    )
    similarity = made("ontology", tmp_path / "diseases.csv", ontology(tmp_path))
    shared = 2.5 + (1 + 1 / 2 + 1 / 2 + 1 / 4 + 1 / 4)
    assert similarity.values[0, 1] == pytest.approx(shared / (2.5 + 2 + 4 / 2 + 3 / 4))


def test_problems_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    terms, parents = tmp_path / "terms.csv", tmp_path / "parents.csv"
    terms.write_text("disease,term\nd1,x\nd2,\n")
    parents.write_text("child,parent\nx,y\ny,z\nz,x\nz,\n")
    lines = problems("ontology", terms, parents)
    assert len(lines) == 3
    assert "row 3, column 2: 'd2' has no annotation" in lines[0]
    assert "row 5: there is no parent" in lines[1]
    assert "terms are above themselves: " in lines[2]
    assert {"x < y < z < x", "y < z < x < y", "z < x < y < z"} & {
        lines[2].split("themselves: ")[1].partition(" - ")[0]
    }


def test_an_unknown_term_has_its_nearest_named(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("breast tumours\nliver tumour\nshingles\n")
    path = ontology(tmp_path)
    lines = problems("ontology", tmp_path / "d.txt", path)
    assert len(lines) == 2
    assert "row 2: the term 'liver tumour' is not in parents.csv - did you mean liver" in lines[0]
    assert "row 3: the term 'shingles' is not in parents.csv - add its pairs there" in lines[1]
    path.write_text("a,b\nx,y\n")
    (line,) = problems("ontology", tmp_path / "d.txt", path)
    assert "put the line `child,parent` before the pairs" in line
