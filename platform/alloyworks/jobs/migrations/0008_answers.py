from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0007_looks")]

    operations = [migrations.AddField("job", "files", models.JSONField(default=list))]
