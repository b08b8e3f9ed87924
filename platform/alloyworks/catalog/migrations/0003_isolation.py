from django.db import migrations

from alloyworks.tenancy import isolate, refer_inside


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_initial"), ("accounts", "0002_isolation")]

    operations = [
        isolate("catalog_dataset"),
        isolate("catalog_modelversion", also_visible="organisation_id IS NULL"),
        isolate("catalog_modelparent"),
        isolate("catalog_evaluation"),
        # Base models are the operator's: the role that migrates is the one that writes them.
        migrations.RunSQL(
            """
            CREATE POLICY base ON catalog_modelversion TO CURRENT_USER
            USING (organisation_id IS NULL) WITH CHECK (organisation_id IS NULL)
            """,
            "DROP POLICY base ON catalog_modelversion",
        ),
        refer_inside("catalog_modelversion", "job_id", "jobs_job"),
        refer_inside("catalog_modelparent", "child_id", "catalog_modelversion"),
        refer_inside("catalog_modelparent", "parent_id", "catalog_modelversion"),
        refer_inside("catalog_evaluation", "job_id", "jobs_job"),
        refer_inside("catalog_evaluation", "model_version_id", "catalog_modelversion"),
        refer_inside("catalog_evaluation", "dataset_id", "catalog_dataset"),
    ]
