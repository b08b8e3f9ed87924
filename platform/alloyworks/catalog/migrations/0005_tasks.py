import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_source")]

    operations = [
        migrations.AlterField(
            "evaluation",
            "dataset",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="evaluations",
                to="catalog.dataset",
            ),
        ),
        migrations.AlterField("evaluation", "metric", models.CharField(max_length=120)),
        migrations.AddField(
            "evaluation", "task", models.CharField(max_length=300, default="", blank=True)
        ),
        migrations.AddField("evaluation", "lower_is_better", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "evaluation",
            models.CheckConstraint(
                condition=models.Q(("dataset", None)).__xor__(models.Q(("task", ""))),
                name="test_set_or_task",
            ),
        ),
    ]
