"""The pages' one blueprint: each page declares its addresses on it."""

from flask import Blueprint

site = Blueprint("site", __name__)
