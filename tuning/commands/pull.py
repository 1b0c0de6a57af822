"""`mmatune pull`: a registered model as a folder of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from model.errors import InputError
from tuning.console import JsonOption, console, print_json

CARD = "MODEL_CARD.md"


def pull(
    model: Annotated[
        str, typer.Argument(help="Registered model: `name` (its champion), `name@alias`, `name/3`.")
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to make; it may exist if it is empty.")],
    as_json: JsonOption = False,
) -> None:
    """Download a registered model to use where this project is not installed.

    It needs numpy, pandas and mlflow-skinny only; the versions are in its `requirements.txt`. The
    model card of today comes along as `MODEL_CARD.md`, and the trained weights as
    `artifacts/checkpoint.safetensors`, which `model.training.checkpoint.load_checkpoint` reads.

    Example: `mmatune pull dataset2@champion --to my-model`
    """
    from tuning.record.client import mlflow_client
    from tuning.registry.model_card import card_file, trained_on
    from tuning.registry.versions import resolve

    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        problem = "is not empty" if to.is_dir() else "is a file"
        raise InputError(
            f"{to} {problem}", where="--to", hint="name a folder that is not there yet"
        )
    found = resolve(model)
    with console.status("downloading the model ..."):
        client = mlflow_client()
        import mlflow

        uri = client.get_model_version_download_uri(found.name, found.version)
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            # Beside its final place, so that moving it there is one step.
            with tempfile.TemporaryDirectory(dir=to.parent, prefix=".mmatune-pull-") as scratch:
                path = mlflow.artifacts.download_artifacts(
                    artifact_uri=uri, dst_path=scratch, tracking_uri=client.tracking_uri
                )
                folder = Path(path)
                if folder == Path(scratch):  # a store that downloads into the folder itself
                    folder = Path(scratch, "model")
                    folder.mkdir()
                    for file in [one for one in Path(scratch).iterdir() if one != folder]:
                        file.rename(folder / file.name)
                text = card_file(
                    found.name, int(found.version), found.description or "", found.tags
                )
                (folder / CARD).write_text(text, encoding="utf-8")
                folder.chmod(0o755)
                folder.replace(to)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(to)) from error
    signature = mlflow.models.Model.load(str(to)).signature
    columns = signature.inputs.input_names() if signature else []
    files = sorted(str(file.relative_to(to)) for file in to.rglob("*") if file.is_file())
    if as_json:
        print_json(
            {
                "model": found.name,
                "version": int(found.version),
                "folder": str(to),
                "files": files,
            }
        )
    console.print(f"{found.name} version {found.version} is in {to}:", markup=False)
    if said := trained_on(found.tags):
        console.print(said, markup=False)
    for line in (
        *(f"  {file}" for file in files),
        "To use it, anywhere:",
        f"  pip install -r {to / 'requirements.txt'}",
        f"  python -c \"import mlflow, pandas; print(mlflow.pyfunc.load_model('{to}')"
        ".predict(pandas.read_csv('pairs.csv')))\"",
        f"pairs.csv has the columns {' and '.join(columns)}.",
    ):
        console.print(line, markup=False, soft_wrap=True)
