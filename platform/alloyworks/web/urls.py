"""Every page."""

from django.urls import path

from alloyworks.web.views import compare, home, job, jobs, new_job

urlpatterns = [
    path("", home.home, name="home"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/new/<str:kind>/", new_job.new_job, name="job-new"),
    path("jobs/<uuid:job_id>/", job.job, name="job"),
    path("jobs/<uuid:job_id>/log/", job.log, name="job-log"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="job-retry"),
    path("jobs/<uuid:job_id>/clone/", jobs.clone, name="job-clone"),
    path("compare/", compare.compare, name="compare"),
]
