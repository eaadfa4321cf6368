/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html.c - what toll's pages share: their look, their head, drawings inside them. */
#include "html.h"

#include <string.h>

#include "text.h"

/* The figures are drawn on white; in the dark they are turned over, hues kept. */
static const char common[] =
	":root{color-scheme:light dark;--ink:#1c1c1c;--soft:#5f5f5f;--rule:#d8d8d8;--paper:#fff;"
	"--good:#00614a;--bad:#a32a00}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e4e4e4;--soft:#a3a3a3;--rule:#3c3c3c;"
	"--paper:#141414;--good:#5ad1a8;--bad:#ff9d73}"
	"figure svg{filter:invert(1) hue-rotate(180deg)}}\n"
	"html{background:var(--paper);color:var(--ink);"
	"font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica "
	"Neue',Arial,sans-serif}\n"
	"body{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}\n"
	"h1{font-size:1.75rem;line-height:1.2;font-weight:600;margin:0 0 .3rem}\n"
	"h2{font-size:1.25rem;font-weight:600;margin:3rem 0 .5rem;padding-top:.6rem;"
	"border-top:1px solid var(--rule)}\n"
	"h3{font-size:1rem;font-weight:600;margin:2rem 0 .2rem}\n"
	"p,ul,dl{max-width:46rem}\n"
	".soft,figcaption,small,dt{color:var(--soft)}\n"
	"p.soft{margin:.1rem 0 .6rem}\n"
	"nav{margin:1rem 0 0;font-size:.9rem}nav a{margin-right:1rem;white-space:nowrap}\n"
	"a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:.15em}\n"
	"ul{padding-left:1.1rem}li{margin:.3rem 0}\n"
	"code{font:.92em ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;"
	"overflow-wrap:anywhere}\n"
	"figure{margin:1.8rem 0 2.2rem;break-inside:avoid}\n"
	"figure svg{display:block;width:100%;height:auto}\n"
	"figure svg g{font-family:inherit}\n"
	"figure svg rect[fill='#ffffff']{fill:none}\n"
	"figcaption{font-size:.875rem;max-width:46rem;margin-top:.4rem}\n"
	".scroll{overflow-x:auto;margin:.4rem 0 1.6rem}\n"
	"table{border-collapse:collapse;font-size:.9rem;line-height:1.35;"
	"font-variant-numeric:tabular-nums lining-nums}\n"
	"th,td{padding:.28rem .55rem .28rem 0;text-align:left;vertical-align:baseline;"
	"white-space:nowrap}\n"
	"thead th{font-weight:400;color:var(--soft);border-bottom:1px solid var(--rule)}\n"
	"tbody th{font-weight:400;padding-right:1.4rem}\n"
	"tbody tr+tr:not(.more)>*{border-top:1px solid color-mix(in srgb,var(--rule) "
	"45%,transparent)}\n"
	".n{text-align:right;padding-left:.9rem}\n"
	".pm{text-align:right;color:var(--soft);padding-right:0}\n"
	".mark{color:var(--good);padding:0 0 0 .25rem;min-width:1em}\n"
	".cpu{color:var(--soft);text-align:right;padding-left:.9rem}\n"
	".cpu small{display:block;font-size:.78em;white-space:nowrap}\n"
	".best,.tied{color:var(--good)}\n"
	"thead .head th{color:var(--ink);border:0;padding-bottom:0}thead .head .n{text-align:left}"
	"thead .head .cpu{color:var(--soft)}\n"
	".group th{font-weight:600;padding-top:1.1rem}\n"
	".winners td{padding-right:2rem;vertical-align:top}.winners th{vertical-align:top}\n"
	".models .n+:not(.n){padding-left:1.4rem}\n"
	".plain{list-style:none;padding:0}\n"
	".bad{color:var(--bad)}\n"
	".text{white-space:normal;min-width:16rem}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.4rem;font-size:.9rem}\n"
	"dd{margin:0;overflow-wrap:anywhere}\n"
	"details{margin:.6rem 0}summary{cursor:pointer}\n"
	"@media print{body{max-width:none;padding:0;font-size:10pt}nav{display:none}"
	"table,figure{break-inside:avoid}.scroll{overflow:visible}h2,h3{break-after:avoid}"
	"figure svg{filter:none}}\n";

void html_begin(FILE *out, const char *version, const char *title, const char *style)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"generator\" content=\"toll ",
	      out);
	text_html(out, version);
	fputs("\">\n<link rel=\"icon\" href=\"data:,\">\n<title>", out);
	text_html(out, title);
	fprintf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<header>\n", common, style);
}

/* Whether markup holds anything that a drawing has no use for. gnuplot writes none of it, and
 * escapes what it prints; this is the second lock. */
static bool harmless(const char *svg)
{
	static const char *const never[] = { "<script", "<foreignobject", "<iframe", "javascript:",
					     "<image",  "<!entity",       "<a " };

	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strcasestr(svg, never[i]))
			return false;
	return true;
}

/* An SVG drawing inside the page: its identifiers made its own, its prolog and its tool tips left
 * out. */
static void inline_svg(FILE *out, const char *svg, const struct figure *figure)
{
	const char *at = strstr(svg, "<svg");

	fputs("<svg role=\"img\" aria-label=\"", out);
	text_html(out, figure->title);
	fputc('"', out);
	for (at = at ? at + 4 : ""; *at;) {
		static const char *const names[] = { " id='", " id=\"", "href='#", "href=\"#",
						     "url(#" };
		size_t skip = 0;
		if (!strncmp(at, "<title>", 7) || !strncmp(at, "<desc>", 6)) {
			const char *end = strstr(at, at[1] == 't' ? "</title>" : "</desc>");
			if (end) {
				at = strchr(end, '>') + 1;
				continue;
			}
		}
		for (size_t i = 0; i < sizeof names / sizeof *names && !skip; i++)
			if (!strncmp(at, names[i], strlen(names[i])))
				skip = strlen(names[i]);
		if (skip) {
			fprintf(out, "%.*s%s-", (int)skip, at, figure->name);
			at += skip;
		} else {
			fputc(*at++, out);
		}
	}
}

void html_drawing(FILE *out, const char *svg, const struct figure *figure)
{
	if (svg && harmless(svg))
		inline_svg(out, svg, figure);
	else
		fputs("<p class=\"bad\">The drawing could not be read.</p>\n", out);
}
