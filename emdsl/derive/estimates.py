"""Estimates and posteriors by name: between what the module iterates on and what the user reads."""

from __future__ import annotations

from emdsl.arrays.programme import Function
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.setting import Setting


def estimates_function(setting: Setting) -> Function:
    """`estimates(params)`: point estimates, or posterior means."""
    entries = [f'"{name}": {_mean(name, setting)}' for name in setting.parameters]
    doc = "The parameters by name, at their posterior means." if setting.forms else "The parameters by name."
    return Function("estimates", "params", doc, (), f"{{{', '.join(entries)}}}")


def from_estimates_function(setting: Setting) -> Function:
    """`from_estimates(estimates, params)`: params moved to these estimates."""
    entries = []
    for name in setting.parameters:
        form = setting.forms.get(name)
        estimate = f'estimates["{name}"]'
        if form is None:
            entries.append(f'"{name}": np.asarray({estimate}, dtype=float)')
            continue
        moved = _moved(form, estimate)
        entries += [f'"{form.key(key)}": {moved.get(key, _param(form, key))}' for key in form.keys]
    entries += [f'"given.{name}": params["given.{name}"]' for name in setting.carried]
    doc = (
        "Parameters with these estimates: posteriors keep their spread and move their means."
        if setting.forms
        else ("Parameters with these estimates.")
    )
    return Function("from_estimates", "estimates, params", doc, (), f"{{{', '.join(entries)}}}")


def _param(form: PosteriorForm, key: str) -> str:
    return f'params["{form.key(key)}"]'


def _mean(name: str, setting: Setting) -> str:
    form = setting.forms.get(name)
    return f'params["{name}"]' if form is None else mean_of(form)


def mean_of(form: PosteriorForm) -> str:
    """The mean by the parameters of a posterior."""
    match form.kernel:
        case "Dirichlet":
            return f"normalised({_param(form, 'concentration')})"
        case "Beta":
            return f"proportion({_param(form, 'a')}, {_param(form, 'b')})"
        case "Gamma":
            if form.power == 1.0:
                return f"{_param(form, 'shape')} / {_param(form, 'rate')}"
            return f"power_moment({_param(form, 'shape')}, {_param(form, 'rate')}, {1 / form.power!r})"
        case "Wishart":
            function = "inverse_wishart_mean" if form.inverted else "wishart_mean"
            return f"{function}({_param(form, 'df')}, {_param(form, 'scale')})"
    return _param(form, "mean")


def _moved(form: PosteriorForm, estimate: str) -> dict[str, str]:
    """The posterior's parameters that change when its mean moves to `estimate`."""
    match form.kernel:
        case "Dirichlet":
            old = _param(form, "concentration")
            return {"concentration": f"{estimate} * {old}.sum(axis=-1, keepdims=True)"}
        case "Beta":
            size = f"({_param(form, 'a')} + {_param(form, 'b')})"
            return {"a": f"{estimate} * {size}", "b": f"(1 - {estimate}) * {size}"}
        case "Gamma":
            shape = _param(form, "shape")
            if form.power == 1.0:
                return {"rate": f"{shape} / {estimate}"}
            unit = f"power_moment({shape}, 1.0, {1 / form.power!r})"
            return {"rate": f"({unit} / {estimate}) ** {form.power!r}"}
        case "Wishart":
            function = "inverse_wishart_scale" if form.inverted else "wishart_scale"
            return {"scale": f"{function}({_param(form, 'df')}, {estimate})"}
    return {"mean": f"np.asarray({estimate}, dtype=float)"}


def posterior_entries(setting: Setting) -> list[str]:
    """An entry for each parameter that has a posterior: its mean, its parameters, and a Gaussian's covariance."""
    return [posterior_entry(form, setting) for form in setting.forms.values()]


def posterior_entry(form: PosteriorForm, setting: Setting) -> str:
    """The mean, the parameters and the variance of one posterior."""
    parts = [f'"mean": {mean_of(form)}']
    parts += [f'"{key}": {_param(form, key)}' for key in form.keys if key != "mean"]
    if form.kernel == "Gaussian":
        parts += _spread(form, setting)
    elif (variance := variance_of(form)) is not None:
        parts.append(f'"var": {variance}')
    return f'"{form.variable}": {{{", ".join(parts)}}}'


def variance_of(form: PosteriorForm) -> str | None:
    """The variance of every entry by the parameters of a conjugate posterior; None for matrices."""
    match form.kernel:
        case "Dirichlet":
            return f"dirichlet_variance({_param(form, 'concentration')})"
        case "Beta":
            return f"beta_variance({_param(form, 'a')}, {_param(form, 'b')})"
        case "Gamma":
            return f"power_variance({_param(form, 'shape')}, {_param(form, 'rate')}, {1 / form.power!r})"
    return None


def _spread(form: PosteriorForm, setting: Setting) -> list[str]:
    """The covariance or variance of a Gaussian posterior, its spread integrated out: E[1/s] P⁻¹."""
    precision = _param(form, "precision")
    joint = len(form.joint)
    relative = f"inverse_over({precision}, {joint})" if joint else f"1 / {precision}"
    axes = len(setting.scope.symbols[form.variable].axes)
    order = [place for place in range(axes) if place not in form.joint] + list(form.joint)
    if order != sorted(order):
        if form.scale is not None:
            return []
        diagonal = f"np.diagonal({relative}, axis1=-2, axis2=-1)"
        return (
            [f'"var": np.transpose({diagonal}, {tuple(order.index(place) for place in range(axes))})']
            if joint == 1
            else []
        )
    if form.scale is None:
        return [f'"{"cov" if joint else "var"}": {relative}']
    scale = setting.forms[form.scale]
    if scale.kernel == "Wishart":
        if joint:
            return []
        matrix = _param(scale, "scale") if scale.inverted else f"inverse({_param(scale, 'scale')})"
        mean = f"inverse_wishart_mean({_param(scale, 'df')}, {matrix})"
        return [f'"cov": {mean} / np.asarray({precision})[..., None, None]']
    size = axes - joint
    if len(setting.scope.symbols[form.scale].axes) not in (0, size):
        return []
    moment = -form.scale_power / scale.power
    factor = f"power_moment({_param(scale, 'shape')}, {_param(scale, 'rate')}, {moment!r})"
    places = f"np.asarray({factor})[{', '.join(('...', *['None'] * (2 * joint)))}]" if joint else factor
    return [f'"{"cov" if joint else "var"}": {places} * {relative}' if joint else f'"var": {factor} / {precision}']
