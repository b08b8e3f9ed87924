from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_isolation")]

    operations = [
        migrations.AddField(
            "modelversion",
            "source",
            models.CharField(max_length=300, default="", blank=True),
        )
    ]
