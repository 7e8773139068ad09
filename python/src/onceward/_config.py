"""placeholder"""
from typing import Any
Settings = Any
