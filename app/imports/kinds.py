"""Every kind of file the program applies, by name."""

from __future__ import annotations

from app.imports.paying import PAYMENTS
from app.imports.registry import REGISTRY
from app.imports.results import CODES, SHEET
from app.imports.staging import Kinds

KINDS: Kinds = {"codes": CODES, "sheet": SHEET, "registry": REGISTRY, "payments": PAYMENTS}
