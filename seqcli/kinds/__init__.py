"""What a model is for. A new kind is a file here and a line in KINDS."""

from __future__ import annotations

from seqcli.kinds.classifier import Classifier
from seqcli.kinds.contract import Kind
from seqcli.kinds.language_model import LanguageModel

KINDS: dict[str, type[Kind]] = {"classifier": Classifier, "language-model": LanguageModel}
