"""The page of the evaluation report."""


def report_template() -> str:
    """Return the report's Jinja template."""
    return """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --ink: #1c2024; --dim: #5c636b; --line: #dfe3e8;
 --page: #f6f7f9; --card: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #a0a7b0; --line: #343a42;
 --page: #121417; --card: #1b1e23 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink);
 font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 75rem; margin: auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 0 0 .25rem }
p { margin: 0 0 .5rem; color: var(--dim) }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit,
 minmax(min(100%, 24rem), 1fr)); align-items: start }
section, figure { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
 padding: 1rem; margin: 1rem 0 0; min-width: 0 }
.grid > figure { margin: 0 } .grid { margin-top: 1rem }
svg { display: block; width: 100%; max-width: 34rem; height: auto; margin: auto }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif !important }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; color: var(--dim); padding-bottom: .25rem }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
 font-weight: 400; vertical-align: top }
thead th { font-weight: 600; white-space: nowrap }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.n + td, .n + th { padding-left: 1rem }
details { margin-top: .5rem } summary { cursor: pointer; color: var(--dim) }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>Evaluation of a {{ task }}</p>
<section>
<h2>Metrics</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">metric</th><th scope="col" class="n">value</th>
<th scope="col">meaning</th></tr></thead>
<tbody>
{% for name, value, meaning in metrics %}
<tr><th scope="row">{{ name }}</th><td class="n">{{ value }}</td><td>{{ meaning }}</td></tr>
{% endfor %}
</tbody></table></div>
</section>
<div class="grid">
{% for figure in figures %}
<figure>
<figcaption><h2>{{ figure.title }}</h2>
{% if figure.note %}<p>{{ figure.note }}</p>{% endif %}</figcaption>
{{ figure.svg | safe }}
<details><summary>{{ figure.title }} as a table</summary>
<div class="scroll"><table>
<thead><tr>{% for cell in figure.head %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in figure.rows %}
<tr>{% for cell in row %}{% if loop.first %}<th scope="row">{{ cell }}</th>
{% else %}<td>{{ cell }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody></table></div></details>
</figure>
{% endfor %}
</div>
{% if classes %}
<section>
<h2>Classes</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">class</th>
{% for name in ("precision", "recall", "f1", "support") %}
<th scope="col" class="n">{{ name }}</th>
{% endfor %}</tr></thead>
<tbody>
{% for row in classes %}
<tr><th scope="row">{{ row.class }}</th>
{% for name in ("precision", "recall", "f1") %}
<td class="n">{{ "%.4f" | format(row[name]) }}</td>
{% endfor %}<td class="n">{{ "{:,}".format(row.support) }}</td></tr>
{% endfor %}
</tbody></table></div>
</section>
{% endif %}
<section>
<h2>Worst rows</h2>
{% if worst %}
<p>{{ worst_note }}</p>
<div class="scroll"><table>
<thead><tr>{% for name in worst[0] %}<th scope="col"{% if name in ("score", "error") %}
 class="n"{% endif %}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in worst %}
<tr>{% for name, value in row.items() %}
<td{% if name in ("score", "error") %} class="n"{% endif %}>
{{ "%.4g" | format(value) if value is float else value }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p>Every prediction is right.</p>
{% endif %}
</section>
</main>
</body>
</html>
"""
