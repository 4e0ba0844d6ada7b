"""The Gradio theme: every value is a variable of the palette, so one value serves light and dark."""

from collections.abc import Iterator

import gradio as gr

from studio import palette

FLAT = ("block_background_fill", "block_label_background_fill", "block_title_background_fill", "panel_background_fill")
VALUES = {
    "body_background_fill": "var(--paper)", "body_text_color": "var(--text)", "body_text_color_subdued": "var(--text-3)",
    "background_fill_primary": "var(--sheet)", "background_fill_secondary": "var(--raised)",
    "border_color_primary": "var(--line)", "block_border_width": "0px", "block_shadow": "none", "block_padding": "0px", "block_radius": "12px",
    "block_label_text_color": "var(--text-2)", "block_title_text_color": "var(--text)", "block_title_text_weight": "600", "block_title_text_size": "*text_sm",
    "block_info_text_color": "var(--text-3)", "block_info_text_size": "*text_xs", "layout_gap": "16px", "form_gap_width": "0px",
    "input_background_fill": "var(--sheet)", "input_border_color": "var(--edge)", "input_border_width": "1px", "input_radius": "10px", "input_shadow": "none",
    "input_placeholder_color": "var(--text-3)", "input_text_size": "*text_md", "input_padding": "10px 14px",
    "error_background_fill": "var(--bad-wash)", "error_border_color": "var(--bad)", "error_text_color": "var(--text)", "error_icon_color": "var(--bad)",
    "button_large_radius": "999px", "button_medium_radius": "999px", "button_small_radius": "999px",
    "button_large_padding": "12px 24px", "button_medium_padding": "9px 18px", "button_small_padding": "5px 12px",
    "button_large_text_weight": "650", "button_medium_text_weight": "600", "button_small_text_weight": "550",
    "button_medium_text_size": "*text_md", "button_small_text_size": "*text_sm",
    "button_transition": "background-color .14s ease, border-color .14s ease", "button_primary_shadow": "none", "button_secondary_shadow": "none",
    "button_border_width": "1px", "table_border_color": "var(--line)", "table_odd_background_fill": "var(--sheet)", "table_even_background_fill": "var(--sheet)",
    "chatbot_text_size": "17px", **dict.fromkeys(FLAT, "transparent"),
}  # fmt: skip


class Shipped(gr.themes.Font):
    """A font that travels with the studio: the style sheet names our own files, nobody else's."""

    def __init__(self, name: str, faces: tuple[tuple[str, str], ...]) -> None:
        super().__init__(name)
        self.faces = faces

    def stylesheet(self) -> dict[str, str | None]:
        """The @font-face rules of this family."""
        return {"url": None, "css": "".join(self._rules())}

    def _rules(self) -> Iterator[str]:
        for file, style in self.faces:
            yield (
                f"@font-face{{font-family:'{self.name}';src:url(/studio/assets/fonts/{file}?v=1) format('woff2');"
                f"font-weight:200 900;font-style:{style};font-display:swap}}"
            )


SANS = Shipped("Atkinson Hyperlegible Next", (("atkinson-hyperlegible-next-latin-wght-normal.woff2", "normal"),))
SERIF = Shipped("Literata", (("literata-latin-opsz-normal.woff2", "normal"), ("literata-latin-opsz-italic.woff2", "italic")))


def theme() -> gr.themes.Base:
    """The studio's theme, with every colour of the palette as a CSS variable of the same name."""
    made = gr.themes.Base(
        font=[SANS, "Segoe UI", "-apple-system", "Helvetica Neue", "Noto Sans", "sans-serif"],
        font_mono=["Cascadia Code", "SF Mono", "DejaVu Sans Mono", "monospace"],
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.Size(xxs="13px", xs="13px", sm="14px", md="16px", lg="18px", xl="22px", xxl="30px", name="studio"),
    )
    made._font_css.append(SERIF.stylesheet()["css"])
    made.set(**VALUES)
    # The values are variables that know both modes, so the dark twins say the same; else Base's own dark defaults would win.
    for name in [n for n in vars(made) if n.endswith("_dark")]:
        plain = name.removesuffix("_dark")
        if plain in VALUES or "shadow" in plain or "border_width" in plain:
            setattr(made, name, getattr(made, plain, None))
    # Any attribute set on a theme becomes a variable: --name in :root and, from name_dark, in .dark.
    for name, (light, dark) in palette.tokens():
        setattr(made, name.replace("-", "_"), light)
        setattr(made, name.replace("-", "_") + "_dark", dark)
    return made
