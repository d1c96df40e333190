"""The command line: one module per command, imported when it is called."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Sequence

from pellucid import __version__
from pellucid.types.errors import InputError, in_words, unknown_name

COMMANDS = {
    "demo": ("", "train on the embedded data, evaluate, write the report"),
    "list": ("[models|datasets|recipes|methods|…]", "what there is"),
    "train": ("RECIPE|MODEL [--data PATH] [--out RUN] [--resume]", "train a network into a run folder"),
    "evaluate": ("RUN|RECIPE|MODEL [--weights FILE] [--data PATH]", "measure a network on a test split"),
    "predict": ("RUN|RECIPE|MODEL [--weights FILE] IMAGES…", "what a trained network says of pictures"),
    "explain": ("RUN|RECIPE|MODEL IMAGES… [--method NAME|all]", "where in pictures the evidence lies"),
    "inspect": ("RUN|MODEL [--graph FILE]", "the layers of a network: shapes, weights, costs; its graph"),
    "look": ("RUN|MODEL [ADDRESS] --image FILE", "inside a network with a picture: layers, channels, units"),
    "excite": ("RUN|RECIPE|MODEL ADDRESS [--data PATH]", "what a channel, unit or class wants to see"),
    "style": ("CONTENT STYLE [--network NAME] [--weights FILE]", "one picture in the style of another"),
    "embed": ("RUN|RECIPE|MODEL [LAYER] [--data PATH]", "what a layer says of a data set, as a map"),
    "latent": ("RUN|RECIPE [--weights FILE] [--data PATH]", "an autoencoder's space of codes, as a page"),
    "similarity": ("RUN|MODEL [RUN|MODEL] [--data PATH]", "how alike layers and networks see a data set"),
    "judge": ("RUN --by RUN|MODEL [--weights FILE]", "what a trained generator is worth, by a classifier"),
    "export": ("RUN|MODEL [--format FORMAT] [--weights FILE]", "a network for other programs: ONNX and more"),
    "study": ("NAME [--out FILE]", "a question answered by running networks side by side"),
    "health": ("RUN", "what is wrong inside a trained network: gradients, dead units, saturation"),
    "studio": ("[RUNS] [--model NAME] [--image FILES]", "walk through networks in the browser"),
    "report": ("RUN", "write a run's report.html anew"),
    "compare": ("RUN RUN…", "put runs side by side"),
    "compare-models": ("MODEL MODEL", "what differs in the structure of two networks"),
    "data": ("check PATH", "find what is wrong with a data set before training on it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 where the command found something wrong, 2 for a mistake in the
    call.
    """
    words = sys.argv[1:] if arguments is None else [*arguments]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"pellucid {__version__}")
        return 0
    command, *rest = words
    # On a busy machine torch's threads would spend most of their time spinning, waiting for one another.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        if command not in COMMANDS:
            raise unknown_name("command", command, COMMANDS)
        return int(importlib.import_module(f"pellucid.cli.{command.replace('-', '_')}").main(rest))
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("pellucid: interrupted", file=sys.stderr)
        return 130
    except (InputError, OSError) as error:
        print(f"pellucid: {in_words(error)}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        # torch says so by a RuntimeError on a processor, and by a subclass of it on a GPU.
        asked = re.search(r"(?:tried to allocate|Tried to allocate) [\d.]+ \w+", str(error))
        if not (asked or isinstance(error, MemoryError)):
            raise
        why = f": it {asked[0].lower()}" if asked else ""
        print(
            f"pellucid: not enough memory{why}; smaller inputs, batches or networks need less",
            file=sys.stderr,
        )
        return 2


def _help() -> str:
    width = max(len(f"{name} {usage}") for name, (usage, _) in COMMANDS.items())
    lines = [f"  pellucid {f'{name} {usage}':<{width}}  {what}" for name, (usage, what) in COMMANDS.items()]
    return "\n".join(
        [
            "Pellucid: build a vision network, train it, and see through it.",
            "",
            *lines,
            "",
            "`pellucid COMMAND --help` explains a command and gives an example.",
        ]
    )
