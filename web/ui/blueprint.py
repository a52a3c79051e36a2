"""The one blueprint of all pages, on which each page declares its addresses."""

from flask import Blueprint

site = Blueprint("site", __name__)
