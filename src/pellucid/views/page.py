"""A page to read: one HTML file that holds everything it shows, opens from disk and asks no network.

The only script is `page.js`: it moves the step slider and copies code. The page's Content-Security-Policy
allows that script alone, by its hash, and forbids every connection.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources

from pellucid.views.contents import Content, Steps, to_html
from pellucid.views.html import policy, styles


@dataclass(frozen=True)
class Section:
    """`lead` is a paragraph under the heading that says what there is to see; an empty line in it starts
    another.
    """

    heading: str
    contents: tuple[Content, ...] = ()
    lead: str = ""


@dataclass(frozen=True)
class Page:
    """`footer` is the small print: versions, dates, where the run lies."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    footer: str = ""

    def to_html(self) -> str:
        """The whole page as one text."""
        anchors = _anchors([section.heading for section in self.sections])
        links = "".join(
            f'<li><a href="#{anchor}">{escape(section.heading)}</a></li>'
            for anchor, section in zip(anchors, self.sections, strict=True)
        )
        body = "".join(_section(each, anchor) for each, anchor in zip(self.sections, anchors, strict=True))
        stepped = any(isinstance(content, Steps) for section in self.sections for content in section.contents)
        body = _each_picture_once(body)
        footer = f"<footer>{escape(self.footer)}</footer>" if self.footer else ""
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{policy(_asset("page.js"))}'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{styles()}{_asset('page.css')}</style></head>\n"
            '<body class="pellucid"><nav aria-label="Contents">'
            f'<a class="brand" href="#top">{_BRAND}pellucid</a><ol>{links}</ol></nav>\n'
            f'<main id="top"><header><h1>{escape(self.title)}</h1><p>{escape(self.subtitle)}</p></header>\n'
            f"{body}{footer}</main>{_SLIDER if stepped else ''}\n"
            f"<script>{_asset('page.js')}</script></body></html>\n"
        )


def _section(section: Section, anchor: str) -> str:
    lead = "".join(f'<p class="lead">{escape(part)}</p>' for part in section.lead.split("\n\n") if part)
    contents = "\n".join(to_html(content) for content in section.contents)
    return f'<section id="{anchor}"><h2>{escape(section.heading)}</h2>{lead}\n{contents}</section>\n'


def _each_picture_once(body: str) -> str:
    """The same body with every picture that stands in it several times written out once and referred to."""
    count, names = Counter(_PICTURE.findall(body)), dict[str, str]()

    def written(found: re.Match[str]) -> str:
        picture = found[0]
        if count[picture] == 1:
            return picture
        if picture in names:
            return f'<use href="#{names[picture]}"/>'
        names[picture] = f"picture-{len(names)}"
        return picture.replace("<image ", f'<image id="{names[picture]}" ', 1)

    return _PICTURE.sub(written, body)


def _anchors(headings: list[str]) -> list[str]:
    """A distinct fragment name for each heading."""
    anchors: list[str] = []
    for heading in headings:
        name = re.sub(r"[^\w]+", "-", heading.lower()).strip("-") or "section"
        taken = sum(1 for other in anchors if other == name or re.fullmatch(f"{re.escape(name)}-\\d+", other))
        anchors.append(f"{name}-{taken + 1}" if taken else name)
    return anchors


@cache
def _asset(name: str) -> str:
    return resources.files("pellucid.views").joinpath(name).read_text("utf-8")


_PICTURE = re.compile(r'<image [^>]*href="data:[^>]*/>')
_BRAND = (
    '<svg viewBox="0 0 24 24" aria-hidden="true">'
    '<rect x="2" y="2" width="13" height="13" rx="3" fill="var(--blue)" opacity=".55"/>'
    '<rect x="9" y="9" width="13" height="13" rx="3" fill="var(--orange)" opacity=".6"/></svg>'
)
_SLIDER = (
    '<form id="scrubber" hidden><button type="button" aria-label="Play">▶</button>'
    '<input type="range" min="0" value="0" step="1" aria-label="Training step"><output></output></form>'
)
