"""All groups of the support example in one tuple: the facts about Pebblo, then the topics that are turned down.

Knows nothing of rows or files; `generate.py` composes those.
"""

from __future__ import annotations

from fact import Fact
from facts_app import APP_FACTS
from facts_care import CARE_FACTS
from facts_device import DEVICE_FACTS
from facts_shop import SHOP_FACTS
from off_topic import OFF_TOPIC

FACTS: tuple[Fact, ...] = (*DEVICE_FACTS, *CARE_FACTS, *APP_FACTS, *SHOP_FACTS, *OFF_TOPIC)
