"""Every page."""

from django.urls import path

from alloyworks.web.views import home

urlpatterns = [
    path("", home.home, name="home"),
]
