"""Prompt templates become prompts: Jinja2 in a sandbox, where an undefined name is an error.

A template sees the values it is given and nothing else: no files, no attributes that begin with an
underscore, no way to change what it was given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from spicy.errors import Problem, SpecError
from spicy.recipe.model import Recipe, Template

_FAILURES = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an expression in a template can raise; a bug of ours shows the same way, with the template's line."""


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    # Blocks keep their line breaks: our templates say `{%-` where one is not wanted.
    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False, cache_size=0)


@lru_cache(maxsize=512)
def _compile(template: Template) -> jinja2.Template:
    environment = _environment()
    try:
        code = environment.compile(template.text, filename=template.file)
    except jinja2.TemplateSyntaxError as e:
        raise _problem(template, e.lineno, e.message or "cannot be read") from e
    return jinja2.Template.from_code(environment, code, environment.make_globals(None))


def check(template: Template) -> None:
    """Raise SpecError when the template cannot be compiled."""
    _compile(template)


def unknown_names(template: Template, known: Collection[str]) -> list[str]:
    """Names that a template uses and will never be given. Raises SpecError when it cannot be read."""
    from jinja2 import meta

    _compile(template)
    used = meta.find_undeclared_variables(_environment().parse(template.text))
    return sorted(used - set(known) - set(_environment().globals))


def render_prompt(recipe: Recipe, prompt: str, provider: str, **values: object) -> str:
    """Render a recipe's prompt for one provider, stripped and without spaces at line ends.

    Raises SpecError with the template's file and line if it cannot be rendered.
    """
    return render(recipe.template(prompt, provider), values)


def render(template: Template, values: Mapping[str, object]) -> str:
    """Render; raises SpecError with the template's file and line."""
    compiled = _compile(template)
    try:
        text = compiled.render(values)
    except _FAILURES as e:
        raise _problem(template, _line(e, template.file), _said(e)) from e
    return "\n".join(map(str.rstrip, text.strip().split("\n")))


def _said(error: Exception) -> str:
    if isinstance(error, TypeError) and "no loader" in str(error):
        return "a template cannot include, import or extend another file"
    return str(error) or type(error).__name__


def _line(error: BaseException, file: str) -> int:
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == file:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _problem(template: Template, line: int, message: str) -> SpecError:
    return SpecError([Problem(template.file, line, min(line, 1), message)])
