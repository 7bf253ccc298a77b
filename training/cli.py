"""The command line of training: check data, render people, train, evaluate, export, blend.

Exit codes: 0 all is well, 1 something cannot work or is wrong with the data, 2 wrong use.
"""

import typer

from training.commands.blend import blend_models
from training.commands.check import check_data
from training.commands.evaluate import evaluate_model
from training.commands.export import export_model
from training.commands.render import render_people
from training.commands.run import run_training

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("run")(run_training)
app.command("check")(check_data)
app.command("evaluate")(evaluate_model)
app.command("render")(render_people)
app.command("export")(export_model)
app.command("blend")(blend_models)
