"""Every page."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from alloyworks.web.views import (
    answers,
    compare,
    datasets,
    endpoints,
    home,
    job,
    jobs,
    models,
    new_job,
    usage,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("favicon.ico", RedirectView.as_view(url=static("mark.svg"))),
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/new/", datasets.new, name="dataset-new"),
    path("datasets/<uuid:dataset_id>/", datasets.dataset, name="dataset"),
    path("datasets/<uuid:dataset_id>/tokens/", datasets.tokens, name="dataset-tokens"),
    path("datasets/<uuid:dataset_id>/files/<path:path>", datasets.file, name="dataset-file"),
    path("datasets/<uuid:dataset_id>/delete/", datasets.delete, name="dataset-delete"),
    path("models/", models.models, name="models"),
    path("models/<uuid:model_id>/", models.model, name="model"),
    path("models/<uuid:model_id>/files/<path:path>", models.file, name="model-file"),
    path("models/<uuid:model_id>/delete/", models.delete, name="model-delete"),
    path("endpoints/", endpoints.endpoints, name="endpoints"),
    path("endpoints/<uuid:endpoint_id>/", endpoints.endpoint, name="endpoint"),
    path("endpoints/<uuid:endpoint_id>/wake/", endpoints.wake, name="endpoint-wake"),
    path("endpoints/<uuid:endpoint_id>/sleep/", endpoints.sleep, name="endpoint-sleep"),
    path("endpoints/<uuid:endpoint_id>/delete/", endpoints.delete, name="endpoint-delete"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/new/<str:kind>/", new_job.new_job, name="job-new"),
    path("jobs/<uuid:job_id>/", job.job, name="job"),
    path("jobs/<uuid:job_id>/log/", job.log, name="job-log"),
    path("jobs/<uuid:job_id>/answers/<str:kind>/<int:place>/", answers.answers, name="job-answers"),
    path("jobs/<uuid:job_id>/answers/files/<path:path>", answers.file, name="job-answers-file"),
    path("jobs/<uuid:job_id>/forget/", answers.delete, name="job-answers-delete"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="job-retry"),
    path("jobs/<uuid:job_id>/clone/", jobs.clone, name="job-clone"),
    path("compare/", compare.compare, name="compare"),
    path("usage/", usage.usage, name="usage"),
]
